import COpenSSL
import COpenSSLShims
import Fleet

/// What is set up once in this process's libcrypto, and the small questions asked of it.
package enum Libcrypto {
    /// Lets exit(3) leave libcrypto alone: by itself it takes itself apart there, under threads
    /// that may be making a key at that moment and then fault. The system takes the memory anyway,
    /// and keys are wiped where they are freed. Called before anything else asks libcrypto.
    package static func outliveExit() { _ = slipway_libcrypto_outlives_exit() }

    /// Locked, guarded, never swapped memory for private numbers (CRYPTO_secure_malloc). A key
    /// needs less than 4 KiB while it is being made.
    private static let secureHeapBytes = 256 * 1024
    private static let secureHeapMinimumBytes = 32

    /// 1: locked; 2: separate but not locked, as where RLIMIT_MEMLOCK is small; 0: none, in which
    /// case libcrypto falls back to the common heap and still wipes what it frees.
    private static let secureHeap: Int32 =
        CRYPTO_secure_malloc_initialized() == 1
        ? 1 : CRYPTO_secure_malloc_init(Self.secureHeapBytes, Self.secureHeapMinimumBytes)

    /// To be called before the first private key is made or loaded.
    static func prepare() { _ = Self.secureHeap }

    /// SubjectPublicKeyInfo, DER.
    static func publicKey(of key: OpaquePointer) throws(FleetError) -> [UInt8] {
        var encoded: UnsafeMutablePointer<UInt8>? = nil
        let count = i2d_PUBKEY(key, &encoded)
        guard count > 0, let encoded else {
            throw LibcryptoError.take("encode a public key").asFleetError
        }
        defer { slipway_free(encoded) }
        return Array(UnsafeBufferPointer(start: encoded, count: Int(count)))
    }
}
