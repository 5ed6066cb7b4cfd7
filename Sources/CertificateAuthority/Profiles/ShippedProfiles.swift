/// The profiles that `slipway init` writes where there are none. They are files from then on, and
/// the operator's.
package enum ShippedProfiles {
    /// By the name of the file, without its ending.
    package static let all: [(name: String, yaml: String)] = [
        (
            "device",
            """
            # What a device gets where nothing else was asked for.
            use: device
            # validity: 10y      else the setting device.validityDays
            # backdate: 5m       else the setting device.backdateSeconds
            past-issuer: clamp   # ends with its issuer at the latest; refuse: none is made
            subject:
              from-request: true
              default: CN=Slipway Device

            """
        ),
        (
            "idevid",
            """
            # An initial device identity (IEEE 802.1AR): without an end, with its serial number.
            # Its issuing CA must have no end either: see the page on the certificate authority.
            use: device
            validity: none
            past-issuer: refuse
            keys: [EC-P256, EC-P384, RSA-2048, RSA-3072, RSA-4096]
            subject:
              from-request: true
              require: [serialNumber]

            """
        ),
        (
            "claim",
            """
            # What a line's claim gets; how long it lives is said when it is made.
            use: claim
            validity: 2y
            past-issuer: clamp
            subject:
              from-request: false
              default: CN=Slipway Claim

            """
        ),
        (
            "server",
            """
            # The gateway's own; its names are the setting gateway.names.
            use: server
            validity: 2y
            past-issuer: clamp

            """
        ),
        (
            "ca",
            """
            # An issuing CA, as 'slipway ca create' makes it where it is not told otherwise.
            use: ca
            validity: 25y
            past-issuer: clamp
            subject:
              from-request: true
              default: CN=Slipway Issuing CA

            """
        ),
        (
            "ocsp",
            """
            # Who signs OCSP answers in an issuing CA's name; made anew before it ends.
            use: ocsp
            validity: 7d
            past-issuer: clamp
            subject:
              from-request: false
              default: CN=Slipway OCSP Responder

            """
        ),
    ]
}
