import Provisioning

/// Every setting there is.
enum Settings {
    static let all: [Setting] = [
        Setting(
            "directory", .text, default: ".",
            "the folder that holds pki/, var/, Templates/ and Hooks/"),
        Setting("realm.region", .text, default: "local", "the region in every ARN"),
        Setting("realm.account", .text, default: "000000000000", "the account in every ARN"),

        Setting("listen.host", .text, default: "127.0.0.1", "the address the gateway listens on"),
        Setting(
            "listen.port", .integer(0...65_535), default: "8883",
            "the gateway's port; 0 takes a free one and prints it"),
        Setting(
            "listen.connectionsMax", .integer(1...10_000_000), default: "100000",
            "connections held at once; more are closed on arrival"),
        Setting(
            "listen.handshakeSeconds", .integer(1...600), default: "20",
            "time for a TLS handshake"),
        Setting(
            "listen.connectSeconds", .integer(1...600), default: "20",
            "time from the handshake to a complete CONNECT"),
        Setting(
            "listen.filtersPerSubscribeMax", .integer(8...1000), default: "8",
            "filters of one SUBSCRIBE or UNSUBSCRIBE; with more, all are refused; AWS allows 8"),
        Setting(
            "listen.subscriptionsPerConnectionMax", .integer(8...100_000), default: "50",
            "subscriptions that a connection may hold; AWS allows 50"),
        Setting(
            "listen.loops", .integer(0...64), default: "0",
            "event loops; 0 is one for each core"),
        Setting(
            "gateway.names", .list, default: "localhost,127.0.0.1,::1",
            "names and addresses in the gateway's certificate; init adds the host name"),

        Setting(
            "api.host", .text, default: "127.0.0.1",
            "the address that 'aws iot' and boto3 are served on"),
        Setting(
            "api.port", .integer(0...65_535), default: "8484",
            "the port of the AWS IoT API; 0 takes a free one and prints it"),
        Setting(
            "api.tls", .flag, default: "false",
            "whether the API speaks HTTPS, with the gateway's certificate; plain HTTP is for "
                + "loopback addresses only"),
        Setting(
            "rights.region", .text, default: "",
            "the region that signatures must name; empty: any, since people's clients have theirs"),
        Setting(
            "rights.fourEyes", .flag, default: "false",
            "whether a hook judges devices only once somebody other than its author approved it"),

        Setting(
            "revocation.host", .text, default: "127.0.0.1",
            "the address that CRL and OCSP are served on, over plain HTTP"),
        Setting(
            "revocation.port", .integer(0...65_535), default: "0",
            "their port; 0 takes a free one, which the log names"),
        Setting(
            "revocation.url", .text, default: "",
            "the http:// URL under which the world reaches them, written into each certificate at "
                + "issue; empty: nothing is written"),
        Setting(
            "revocation.shards", .integer(1...256), default: "16",
            "parts of the CRL that certificates name, a power of two; those issued keep theirs"),
        Setting(
            "revocation.lifeSeconds", .integer(60...7_776_000), default: "86400",
            "from a CRL's thisUpdate to its nextUpdate; signed anew when half is over"),
        Setting(
            "revocation.canarySeconds", .integer(0...86_400), default: "300",
            "how often the service measures on a connection of its own how soon a revocation "
                + "closes it; 0 never"),
        Setting(
            "revocation.planMax", .integer(1...10_000_000), default: "1000000",
            "certificates that one revocation by --where may reach, at about 100 bytes of memory "
                + "each while it runs"),

        Setting(
            "est.enabled", .flag, default: "false",
            "whether devices may enrol over HTTPS as well (EST, RFC 7030)"),
        Setting("est.host", .text, default: "127.0.0.1", "the address that EST is served on"),
        Setting(
            "est.port", .integer(0...65_535), default: "8443",
            "its port; 0 takes a free one, which the log names"),
        Setting(
            "est.template", .text, default: "",
            "the template of requests whose path and claim name none; empty: they are refused"),

        Setting("pki.directory", .path, default: "pki", "where keys and certificates lie"),
        Setting(
            "pki.passphraseFile", .path, default: "",
            "a file with the passphrase of the CA keys; empty: pki/ca.passphrase, made by init"),
        Setting(
            "pki.passphraseDescriptor", .descriptor, default: "",
            "a file descriptor to read the passphrase from; empty: none"),
        Setting(
            "pki.tokenModule", .path, default: "",
            "the PKCS#11 module of CA keys by URI; empty: as OpenSSL's engine is configured"),
        Setting(
            "pki.tokenProviders", .list, default: "",
            "providers of OpenSSL that CA keys by URI are opened with; empty: its engines"),
        Setting(
            "pki.tokenPinFile", .path, default: "",
            "a file with the PIN of the tokens that hold CA keys; empty: none"),
        Setting(
            "pki.tokenPinDescriptor", .descriptor, default: "",
            "a file descriptor to read the PIN from; empty: none"),
        Setting(
            "pki.tokenEnvironment", .list,
            default: "SOFTHSM2_CONF,OPENSSL_CONF,OPENSSL_ENGINES,OPENSSL_MODULES",
            "variables that the process which speaks with a token inherits; no others"),
        Setting(
            "pki.tokenDeadlineMilliseconds", .integer(100...60_000), default: "5000",
            "time for a token to sign; then its process is killed and the request told to retry"),
        Setting("data.directory", .path, default: "var", "database, socket and run-time files"),
        Setting("templates.directory", .path, default: "Templates", "templates loaded at start"),
        Setting(
            "templates.bodyBytesMax",
            .integer(1024...TemplateLimits.largest.bodyBytesMax), default: "10240",
            "bytes of a template's text; AWS allows 10240"),
        Setting(
            "templates.valuesMax", .integer(64...TemplateLimits.largest.valuesMax),
            default: "4096", "texts, references and functions of a template"),
        Setting(
            "templates.versionsMax", .integer(1000...TemplateLimits.largest.versionsMax),
            default: "10000", "versions that a template can have in its life; AWS allows 5"),
        Setting("hooks.directory", .path, default: "Hooks", "hooks loaded at start"),

        Setting(
            "device.validityDays", .integer(1...36_500), default: "3650",
            "life of a device certificate; never past its issuer's"),
        Setting(
            "device.backdateSeconds", .integer(0...86_400), default: "300",
            "how far notBefore lies in the past, for devices with a slow clock"),
        Setting(
            "keys.algorithm", .choice(["RSA_2048", "P_256"]), default: "RSA_2048",
            "key pairs made for CreateKeysAndCertificate"),
        Setting(
            "keys.ready", .integer(0...10_000), default: "32", "key pairs made ahead of need"),
        Setting(
            "keys.ed25519", .flag, default: "false", "whether a CSR may hold an Ed25519 key"),

        Setting(
            "hook.deadlineMilliseconds", .integer(10...60_000), default: "5000",
            "time for one hook; then its process is killed and the device denied"),
        Setting(
            "hook.workers", .integer(0...64), default: "0",
            "hook processes; 0 is one for each eight cores, at least two"),
        Setting(
            "provisioning.inFlightMax", .integer(1...1_000_000), default: "2000",
            "provisioning requests under way at once; more are told to retry"),
        Setting(
            "provisioning.sweepSeconds", .integer(1...86_400), default: "60",
            "how often expired ownership tokens are looked for"),

        Setting(
            "enrolment.serialParameter", .text, default: "SerialNumber",
            "the template parameter that carries the serial number"),
        Setting(
            "enrolment.onRetry", .choice(["allow", "replace", "refuse", "hold"]),
            default: "replace", "the same key again under the same serial"),
        Setting(
            "enrolment.onRework", .choice(["allow", "replace", "refuse", "hold"]),
            default: "replace",
            "another key for a serial at the same station, within enrolment.reworkSeconds"),
        Setting(
            "enrolment.onElsewhere", .choice(["allow", "replace", "refuse", "hold"]),
            default: "hold", "another key for a serial anywhere else, or later"),
        Setting(
            "enrolment.onCopiedImage", .choice(["allow", "replace", "refuse", "hold"]),
            default: "refuse", "the same key under another serial"),
        Setting(
            "enrolment.onClone", .choice(["allow", "replace", "refuse", "hold"]),
            default: "allow",
            "one certificate on two live connections: keep both, the newer, the older or neither"),
        Setting(
            "enrolment.reworkSeconds", .integer(0...31_536_000), default: "28800",
            "how long another key at the same station counts as rework"),

        Setting(
            "registry.attributesWithoutType", .integer(0...50), default: "50",
            "attributes that a thing without a type may be given; AWS allows 3"),

        Setting(
            "renewal.windowDays", .integer(0...36_500), default: "30",
            "how long before its end a device may have its certificate renewed; 0: none may"),
        Setting(
            "renewal.overlapHours", .integer(0...8760), default: "168",
            "how long the old certificate goes on beside a new one that nobody has seen yet"),
        Setting(
            "renewal.graceDays", .integer(0...3650), default: "0",
            "how long after its end a certificate may still connect, to be renewed and no more"),
        Setting(
            "renewal.intervalSeconds", .integer(0...86_400), default: "300",
            "a device gets one new certificate in this time"),

        Setting(
            "bulk.sources", .list, default: "",
            "where bulk registrations may read: NAME=FOLDER or NAME=http(s)://HOST/PREFIX/"),
        Setting(
            "bulk.lineWorkers", .integer(1...1024), default: "32",
            "lines of bulk registrations at work at once, of all tasks together"),

        Setting(
            "log.level", .choice(["trace", "debug", "info", "notice", "warning", "error"]),
            default: "info", "how much is logged to standard error"),
        Setting(
            "shutdown.graceSeconds", .integer(0...600), default: "10",
            "time for open requests to finish at a stop"),
    ]

    static func setting(_ key: String) -> Setting? { Self.all.first { $0.key == key } }
}
