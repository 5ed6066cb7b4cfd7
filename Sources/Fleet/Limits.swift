/// Every bound the vocabulary itself sets, each with its unit last. Adapters add their own.
package enum Limits {
    /// AWS: PUBLISH payload.
    package static let payloadBytesMax = 128 * 1024
    /// AWS: topic and filter length.
    package static let topicBytesMax = 256
    /// AWS: client identifier length.
    package static let clientIDBytesMax = 128
    /// Ownership token life (AWS: one hour).
    package static let ownershipTokenSeconds: Int64 = 3600
    /// Device libraries reserve 512 bytes; we stay well inside.
    package static let ownershipTokenBytesMax = 400
    /// AWS: templateBody.
    package static let templateBodyBytesMax = 10_240
    /// AWS REST: parameter key and value.
    package static let parameterKeyCharactersMax = 2048
    package static let parameterValueCharactersMax = 4096
    package static let parametersMax = 100
    /// AWS REST: certificateSigningRequest.
    package static let csrCharactersMax = 4096
    /// AWS REST: certificatePem, caCertificatePem, caCertificate, verificationCertificate.
    package static let certificatePEMBytesMax = 65_536
    package static let hookSourceBytesMax = 64 * 1024
    /// Texts that one hook may have had; none is ever taken away.
    package static let hookVersionsMax = 1000
    /// AWS allows 5 versions, 10 policies for a certificate and 2 for a group: protections of a
    /// service that others use too.
    package static let policyVersionsMax = 1000
    package static let policiesPerCertificateMax = 100
    package static let policiesPerThingGroupMax = 100

    /// AWS: one line of a bulk registration's file.
    package static let registrationLineCharactersMax = 256_000
    /// A task that has not ended by then fails, and what an ended one leaves goes (AWS: 30 days).
    package static let registrationTaskSeconds: Int64 = 30 * 86_400
    /// A task works on a copy of its input, which must have an end.
    package static let registrationInputBytesMax: Int64 = 64 << 30
}
