import Policies
import Testing

@Suite struct CertificateShapeTests {
    /// Made by OpenSSL.
    @Test func keyAndAlternativeNamesAreRead() {
        let curve = CertificateShape(pem: Self.curve)
        #expect(curve.keyType == "EC-P256")
        #expect(curve.alternativeNames == ["pump.example", "192.0.2.1"])
        let edwards = CertificateShape(pem: Self.edwards)
        #expect(edwards.keyType == "Ed25519")
        #expect(edwards.alternativeNames.isEmpty)
        #expect(CertificateShape(pem: Self.rsa).keyType == "RSA-2048")
    }

    @Test func whatIsNoCertificateHasNeither() {
        let shape = CertificateShape(pem: "no PEM")
        #expect(shape.keyType == nil)
        #expect(shape.alternativeNames.isEmpty)
    }

    private static let curve = """
        -----BEGIN CERTIFICATE-----
        MIIBjTCCATKgAwIBAgIUS/nU3XBCXDGBQLeXEKqXHCKM6oMwCgYIKoZIzj0EAwIw
        DDEKMAgGA1UEAwwBYTAeFw0yNjExMjYxMzA5NDRaFw0yNjExMjcxMzA5NDRaMAwx
        CjAIBgNVBAMMAWEwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAARFDYmq2B8ymaRn
        7DiaDt40pbO2F/oljA6sVLOOOYbNiqwl/7BddPtPDu9gnxasRMmMREbUAAU+YfqT
        vQ7MNcmBo3IwcDAdBgNVHQ4EFgQUOxFvROe1dyQKm+paSPCEji5hZHwwHwYDVR0j
        BBgwFoAUOxFvROe1dyQKm+paSPCEji5hZHwwDwYDVR0TAQH/BAUwAwEB/zAdBgNV
        HREEFjAUggxwdW1wLmV4YW1wbGWHBMAAAgEwCgYIKoZIzj0EAwIDSQAwRgIhAOfZ
        m28i/jPLpJIWaoK28tF2zZXdeZiv4yNhtaZWAOTUAiEA5Wb3Is/kA6vUkiqI88qy
        MDKlB6TOjFrBxo0Z3v1laOs=
        -----END CERTIFICATE-----

        """
    private static let edwards = """
        -----BEGIN CERTIFICATE-----
        MIIBLDCB36ADAgECAhRIpDmKBykyXEWPuuYWem9tABL6/jAFBgMrZXAwDDEKMAgG
        A1UEAwwBYjAeFw0yNjExMjYxMzA5NDRaFw0yNjExMjcxMzA5NDRaMAwxCjAIBgNV
        BAMMAWIwKjAFBgMrZXADIQDaTe0qAKDiJ3ppGFNCDT++P3ykbaYPsr+s59Eti4Ru
        5aNTMFEwHQYDVR0OBBYEFODJe1UdLJQl2RTGUk9E9fBTrHkaMB8GA1UdIwQYMBaA
        FODJe1UdLJQl2RTGUk9E9fBTrHkaMA8GA1UdEwEB/wQFMAMBAf8wBQYDK2VwA0EA
        WO4X1XRk/ABwRwcR/29n8BvJpKC2TmxxS0TyoVLGd8I3mMSVIyrfGFMgo+LfiLFM
        GFmw5goMy97AuzhYb2yKCA==
        -----END CERTIFICATE-----

        """
    private static let rsa = """
        -----BEGIN CERTIFICATE-----
        MIIC+TCCAeGgAwIBAgIUSEtWN16fqiiSV7uv6N3ulwnN2tswDQYJKoZIhvcNAQEL
        BQAwDDEKMAgGA1UEAwwBYzAeFw0yNjExMjYxMzA5NDZaFw0yNjExMjcxMzA5NDZa
        MAwxCjAIBgNVBAMMAWMwggEiMA0GCSqGSIb3DQEBAQUAA4IBDwAwggEKAoIBAQDE
        UcXYQ7emtUfdsHtNoCgFWcQC7QNyj9d5w+1pmp1ER7vvqlMxBc6nzeUF68IHEhuq
        6KCEdUrU9bqX4jcYdq7ChPkfrHBsM/dKSL3EZ9zuQ+2p4wNU4vGv1F6M4CEEnXFa
        0pGKbpbkamZMKEoHqvlcwF13rTAukguvNzggk7GMEB++qDbCeZ15wE6c4lj9DDvC
        KixcR6gJbQsbGZIhwq6T0WBmPVWiJyeFfwSFX8m8JpuO2xouFtzicygRaMt1i7jF
        Rk0gAeX8IwPznDLAyvf5CsGuS/lGVSo2yPwNKuztfmXJSSEp0DtNFGKgYwos9VFi
        Cuw7+/cdBCrLyTQhztgJAgMBAAGjUzBRMB0GA1UdDgQWBBSiXT4OBR5/A7pOtlkJ
        TOOa41iJazAfBgNVHSMEGDAWgBSiXT4OBR5/A7pOtlkJTOOa41iJazAPBgNVHRMB
        Af8EBTADAQH/MA0GCSqGSIb3DQEBCwUAA4IBAQC8RJyaJIZeSa4rY56HbA9svGd7
        A+rm5Stt7L7BMcAkJajvkGXXZC9mjvoRHtTi4RVZja9E4lBUFNfyDT4jWcHpomYc
        F16fccrogNPEubGLst2p4OEgItWMd9euZDqeycxwfeZQcLFHX5ZAQ9P2FjZIRQeJ
        XVhbtQHehcWNwPrjCpCvMYP5+xWs0KiXELIOHHHsucFGLO+31AC1SROK9iWc9C66
        ltudiiemxnX98duYtxHk8mos8DBvkUa8FteLYM6Lqpgk4XO5Rx2Nf8c/WHV3/+ob
        DtRWmGhe7JRu6v1Ec+2AOrvpq6UYZc8AXs5bYPe0F5fTUXuh47B7IvNsXpis
        -----END CERTIFICATE-----

        """
}
