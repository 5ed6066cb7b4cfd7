import ArgumentParser
import Fleet
import Foundation

/// Every setting as a flag. One property each, since that is how the parser documents and
/// completes them; `flags` gathers what was given.
struct SettingOptions: ParsableArguments {
    @Option(help: "A JSON file with settings (also SLIPWAY_CONFIG)")
    var config: String?

    @Option(help: "The folder that holds pki/, var/, Templates/ and Hooks/")
    var directory: String?
    @Option(help: "The region in every ARN")
    var realmRegion: String?
    @Option(help: "The account in every ARN")
    var realmAccount: String?

    @Option(help: "The address the gateway listens on")
    var listenHost: String?
    @Option(help: "The gateway's port; 0 takes a free one")
    var listenPort: String?
    @Option(help: "Connections held at once")
    var listenConnectionsMax: String?
    @Option(help: "Seconds for a TLS handshake")
    var listenHandshakeSeconds: String?
    @Option(help: "Seconds from the handshake to CONNECT")
    var listenConnectSeconds: String?
    @Option(help: "Filters of one SUBSCRIBE")
    var listenFiltersPerSubscribeMax: String?
    @Option(help: "Subscriptions of one connection")
    var listenSubscriptionsPerConnectionMax: String?
    @Option(help: "Event loops; 0 is one for each core")
    var listenLoops: String?
    @Option(help: "Names and addresses in the gateway's certificate, comma-separated")
    var gatewayNames: String?

    @Option(help: "The address that 'aws iot' and boto3 are served on")
    var apiHost: String?
    @Option(help: "The port of the AWS IoT API; 0 takes a free one")
    var apiPort: String?
    @Option(help: "Whether the API speaks HTTPS: true or false")
    var apiTls: String?
    @Option(help: "The region that signatures must name; empty: any")
    var rightsRegion: String?
    @Option(help: "Whether hooks need somebody else's approval: true or false")
    var rightsFourEyes: String?

    @Option(help: "Attributes that a thing without a type may be given")
    var registryAttributesWithoutType: String?
    @Option(help: "Where bulk registrations may read, as NAME=FOLDER or NAME=URL, comma-separated")
    var bulkSources: String?
    @Option(help: "Lines of bulk registrations at work at once")
    var bulkLineWorkers: String?

    @Option(help: "The address that CRL and OCSP are served on")
    var revocationHost: String?
    @Option(help: "The port of CRL and OCSP; 0 takes a free one")
    var revocationPort: String?
    @Option(help: "The http:// URL that certificates name for CRL and OCSP")
    var revocationUrl: String?
    @Option(help: "Parts of the CRL that certificates name: a power of two")
    var revocationShards: String?
    @Option(help: "Seconds from a CRL's thisUpdate to its nextUpdate")
    var revocationLifeSeconds: String?
    @Option(help: "Seconds between measurements of how soon a revocation takes effect; 0: never")
    var revocationCanarySeconds: String?
    @Option(help: "Certificates that one revocation by --where may reach")
    var revocationPlanMax: String?

    @Option(help: "Whether devices may enrol over HTTPS (EST): true or false")
    var estEnabled: String?
    @Option(help: "The address that EST is served on")
    var estHost: String?
    @Option(help: "The port of EST; 0 takes a free one")
    var estPort: String?
    @Option(help: "The template of EST requests that name none")
    var estTemplate: String?

    @Option(help: "Where keys and certificates lie")
    var pkiDirectory: String?
    @Option(help: "A file with the passphrase of the CA keys")
    var pkiPassphraseFile: String?
    @Option(help: "A descriptor to read the passphrase from")
    var pkiPassphraseDescriptor: String?
    @Option(help: "The PKCS#11 module of CA keys by URI")
    var pkiTokenModule: String?
    @Option(help: "Providers of OpenSSL for CA keys by URI, comma-separated")
    var pkiTokenProviders: String?
    @Option(help: "A file with the PIN of the tokens that hold CA keys")
    var pkiTokenPinFile: String?
    @Option(help: "A descriptor to read the PIN from")
    var pkiTokenPinDescriptor: String?
    @Option(help: "Variables that a token's process inherits, comma-separated")
    var pkiTokenEnvironment: String?
    @Option(help: "Milliseconds for a token to sign")
    var pkiTokenDeadlineMilliseconds: String?
    @Option(help: "Database, socket and run-time files")
    var dataDirectory: String?
    @Option(help: "Templates loaded at start")
    var templatesDirectory: String?
    @Option(help: "Bytes of a template's text")
    var templatesBodyBytesMax: String?
    @Option(help: "Texts, references and functions of a template")
    var templatesValuesMax: String?
    @Option(help: "Versions that a template can have in its life")
    var templatesVersionsMax: String?
    @Option(help: "Hooks loaded at start")
    var hooksDirectory: String?

    @Option(help: "Days a device certificate lives")
    var deviceValidityDays: String?
    @Option(help: "Seconds notBefore lies in the past")
    var deviceBackdateSeconds: String?
    @Option(help: "Key pairs made for devices: RSA_2048 or P_256")
    var keysAlgorithm: String?
    @Option(help: "Key pairs made ahead of need")
    var keysReady: String?
    @Option(help: "Whether a CSR may hold an Ed25519 key: true or false")
    var keysEd25519: String?

    @Option(help: "Milliseconds for one hook")
    var hookDeadlineMilliseconds: String?
    @Option(help: "Hook processes; 0 is one for each eight cores, at least two")
    var hookWorkers: String?
    @Option(help: "Provisioning requests under way at once")
    var provisioningInFlightMax: String?
    @Option(help: "Seconds between looks for expired tokens")
    var provisioningSweepSeconds: String?
    @Option(help: "The template parameter that carries the serial number")
    var enrolmentSerialParameter: String?
    @Option(help: "The same key and serial again: allow, replace, refuse or hold")
    var enrolmentOnRetry: String?
    @Option(help: "Another key at the same station soon: allow, replace, refuse or hold")
    var enrolmentOnRework: String?
    @Option(help: "Another key elsewhere or later: allow, replace, refuse or hold")
    var enrolmentOnElsewhere: String?
    @Option(help: "The same key under another serial: allow, replace, refuse or hold")
    var enrolmentOnCopiedImage: String?
    @Option(help: "One certificate on two connections: allow, replace, refuse or hold")
    var enrolmentOnClone: String?
    @Option(help: "Seconds that another key at the same station counts as rework")
    var enrolmentReworkSeconds: String?
    @Option(help: "Days before its end that a certificate may be renewed; 0: none may")
    var renewalWindowDays: String?
    @Option(help: "Hours that an old certificate goes on beside its unseen successor")
    var renewalOverlapHours: String?
    @Option(help: "Days after its end that a certificate may still be renewed")
    var renewalGraceDays: String?
    @Option(help: "Seconds in which a device gets one new certificate at most")
    var renewalIntervalSeconds: String?
    @Option(help: "trace, debug, info, notice, warning or error")
    var logLevel: String?
    @Option(help: "Seconds for open requests to finish at a stop")
    var shutdownGraceSeconds: String?

    /// What was given, by setting key.
    private var flags: [String: String] {
        let given: [String: String?] = [
            "directory": self.directory, "realm.region": self.realmRegion,
            "realm.account": self.realmAccount, "listen.host": self.listenHost,
            "listen.port": self.listenPort, "listen.connectionsMax": self.listenConnectionsMax,
            "listen.handshakeSeconds": self.listenHandshakeSeconds,
            "listen.connectSeconds": self.listenConnectSeconds,
            "listen.filtersPerSubscribeMax": self.listenFiltersPerSubscribeMax,
            "listen.subscriptionsPerConnectionMax": self.listenSubscriptionsPerConnectionMax,
            "listen.loops": self.listenLoops, "gateway.names": self.gatewayNames,
            "api.host": self.apiHost, "api.port": self.apiPort, "api.tls": self.apiTls,
            "rights.region": self.rightsRegion, "rights.fourEyes": self.rightsFourEyes,
            "registry.attributesWithoutType": self.registryAttributesWithoutType,
            "bulk.sources": self.bulkSources, "bulk.lineWorkers": self.bulkLineWorkers,
            "revocation.host": self.revocationHost, "revocation.port": self.revocationPort,
            "revocation.url": self.revocationUrl, "revocation.shards": self.revocationShards,
            "revocation.lifeSeconds": self.revocationLifeSeconds,
            "revocation.canarySeconds": self.revocationCanarySeconds,
            "revocation.planMax": self.revocationPlanMax,
            "est.enabled": self.estEnabled, "est.host": self.estHost,
            "est.port": self.estPort, "est.template": self.estTemplate,
            "pki.directory": self.pkiDirectory, "pki.passphraseFile": self.pkiPassphraseFile,
            "pki.passphraseDescriptor": self.pkiPassphraseDescriptor,
            "pki.tokenModule": self.pkiTokenModule,
            "pki.tokenProviders": self.pkiTokenProviders,
            "pki.tokenPinFile": self.pkiTokenPinFile,
            "pki.tokenPinDescriptor": self.pkiTokenPinDescriptor,
            "pki.tokenEnvironment": self.pkiTokenEnvironment,
            "pki.tokenDeadlineMilliseconds": self.pkiTokenDeadlineMilliseconds,
            "data.directory": self.dataDirectory,
            "templates.directory": self.templatesDirectory,
            "templates.bodyBytesMax": self.templatesBodyBytesMax,
            "templates.valuesMax": self.templatesValuesMax,
            "templates.versionsMax": self.templatesVersionsMax,
            "hooks.directory": self.hooksDirectory,
            "device.validityDays": self.deviceValidityDays,
            "device.backdateSeconds": self.deviceBackdateSeconds,
            "keys.algorithm": self.keysAlgorithm, "keys.ready": self.keysReady,
            "keys.ed25519": self.keysEd25519,
            "hook.deadlineMilliseconds": self.hookDeadlineMilliseconds,
            "hook.workers": self.hookWorkers,
            "provisioning.inFlightMax": self.provisioningInFlightMax,
            "provisioning.sweepSeconds": self.provisioningSweepSeconds,
            "enrolment.serialParameter": self.enrolmentSerialParameter,
            "enrolment.onRetry": self.enrolmentOnRetry,
            "enrolment.onRework": self.enrolmentOnRework,
            "enrolment.onElsewhere": self.enrolmentOnElsewhere,
            "enrolment.onCopiedImage": self.enrolmentOnCopiedImage,
            "enrolment.onClone": self.enrolmentOnClone,
            "enrolment.reworkSeconds": self.enrolmentReworkSeconds,
            "renewal.windowDays": self.renewalWindowDays,
            "renewal.overlapHours": self.renewalOverlapHours,
            "renewal.graceDays": self.renewalGraceDays,
            "renewal.intervalSeconds": self.renewalIntervalSeconds,
            "log.level": self.logLevel, "shutdown.graceSeconds": self.shutdownGraceSeconds,
        ]
        return given.compactMapValues { $0 }
    }

    func resolve() async throws(FleetError) -> ResolvedSettings {
        let environment = ProcessInfo.processInfo.environment
        return try await ResolvedSettings(
            flags: self.flags, environment: environment,
            configurationFile: self.config ?? environment["SLIPWAY_CONFIG"])
    }
}
