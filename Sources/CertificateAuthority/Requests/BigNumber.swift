import COpenSSL
import Fleet

/// A number of libcrypto's that frees itself.
final class BigNumber {
    let raw: OpaquePointer

    init() throws(FleetError) {
        guard let raw = BN_new() else { throw BigArithmetic.failure }
        self.raw = raw
    }

    deinit { BN_free(self.raw) }

    convenience init(_ bytes: [UInt8]) throws(FleetError) {
        try self.init()
        guard BN_bin2bn(bytes, Int32(clamping: bytes.count), self.raw) != nil else {
            throw BigArithmetic.failure
        }
    }

    /// 2 to the power of `exponent`.
    convenience init(powerOfTwo exponent: Int) throws(FleetError) {
        try self.init()
        guard BN_set_bit(self.raw, Int32(clamping: exponent)) == 1 else {
            throw BigArithmetic.failure
        }
    }

    var bits: Int { Int(BN_num_bits(self.raw)) }
    var words: Int { (self.bits + 63) / 64 }
}

/// Arithmetic on natural numbers of millions of digits.
///
/// libcrypto multiplies in three parts instead of four (Karatsuba) only where both numbers are of
/// one length, and otherwise as one does on paper, as it always divides. Here the lengths are made
/// equal, and a division is a multiplication by an inverse (Newton), so that the cost grows with
/// the 1.6th power of the length and not with its square.
final class BigArithmetic {
    /// Below this, paper is as good.
    private static let wordsMin = 32
    /// libcrypto has no room for the parts of longer ones (BN_mul, bn_expand).
    static let wordsMax = 1 << 19
    /// Numbers that are divided on paper.
    private static let bitsDivided = 4096

    private let context: OpaquePointer
    private let wordsMax: Int

    /// - Parameter wordsMax: what libcrypto is given at once.
    init(wordsMax: Int = BigArithmetic.wordsMax) throws(FleetError) {
        guard let context = BN_CTX_new() else { throw BigArithmetic.failure }
        self.context = context
        self.wordsMax = wordsMax
    }

    deinit { BN_CTX_free(self.context) }

    static var failure: FleetError { LibcryptoError.take("compare RSA moduli").asFleetError }

    private func made(
        _ body: (OpaquePointer) -> Bool
    ) throws(FleetError) -> BigNumber {
        let number = try BigNumber()
        guard body(number.raw) else { throw Self.failure }
        return number
    }

    func sum(_ one: BigNumber, _ other: BigNumber) throws(FleetError) -> BigNumber {
        try self.made { BN_add($0, one.raw, other.raw) == 1 }
    }

    func difference(_ one: BigNumber, _ other: BigNumber) throws(FleetError) -> BigNumber {
        try self.made { BN_sub($0, one.raw, other.raw) == 1 }
    }

    /// Times 2 to the power of `bits`.
    func up(_ number: BigNumber, _ bits: Int) throws(FleetError) -> BigNumber {
        try self.made { BN_lshift($0, number.raw, Int32(clamping: bits)) == 1 }
    }

    /// Without its last `bits`.
    func down(_ number: BigNumber, _ bits: Int) throws(FleetError) -> BigNumber {
        try self.made { BN_rshift($0, number.raw, Int32(clamping: bits)) == 1 }
    }

    /// The last `bits` of it.
    func low(_ number: BigNumber, _ bits: Int) throws(FleetError) -> BigNumber {
        try self.made {
            BN_copy($0, number.raw) != nil
                && (number.bits <= bits || BN_mask_bits($0, Int32(clamping: bits)) == 1)
        }
    }

    func product(_ one: BigNumber, _ other: BigNumber) throws(FleetError) -> BigNumber {
        let (large, small) = one.words >= other.words ? (one, other) : (other, one)
        let more = large.words - small.words
        if small.words < Self.wordsMin || (more <= 1 && large.words <= self.wordsMax) {
            return try self.made { BN_mul($0, large.raw, small.raw, self.context) == 1 }
        }
        if 2 * more > small.words { return try self.productInPieces(large, small) }
        if large.words > self.wordsMax { return try self.productInThree(large, small) }
        let padded = try self.up(small, 64 * more)
        return try self.down(self.product(large, padded), 64 * more)
    }

    /// Where one is much longer: a piece of the other's length, and the rest.
    private func productInPieces(
        _ large: BigNumber, _ small: BigNumber
    ) throws(FleetError) -> BigNumber {
        let cut = 64 * small.words
        let high = try self.product(self.down(large, cut), small)
        return try self.sum(self.up(high, cut), self.product(self.low(large, cut), small))
    }

    private func productInThree(
        _ one: BigNumber, _ other: BigNumber
    ) throws(FleetError) -> BigNumber {
        let cut = 64 * ((one.words + 1) / 2)
        let (oneLow, oneHigh) = (try self.low(one, cut), try self.down(one, cut))
        let (otherLow, otherHigh) = (try self.low(other, cut), try self.down(other, cut))
        let low = try self.product(oneLow, otherLow)
        let high = try self.product(oneHigh, otherHigh)
        let crosswise = try self.product(
            self.sum(oneLow, oneHigh), self.sum(otherLow, otherHigh))
        let middle = try self.difference(self.difference(crosswise, low), high)
        return try self.sum(self.sum(self.up(high, 2 * cut), self.up(middle, cut)), low)
    }

    /// 2 to the power of twice its bits, divided by it; a few units less or more.
    func inverse(of number: BigNumber) throws(FleetError) -> BigNumber {
        let bits = number.bits
        guard bits > Self.bitsDivided else {
            let power = try BigNumber(powerOfTwo: 2 * bits)
            return try self.made { BN_div($0, nil, power.raw, number.raw, self.context) == 1 }
        }
        // Newton: of the leading half first, from which the whole follows by x(2 - nx).
        let half = bits / 2 + 2
        let first = try self.inverse(of: self.down(number, bits - half))
        let square = try self.product(first, first)
        return try self.difference(
            self.up(first, bits - half + 1),
            self.down(self.product(number, square), 2 * half))
    }

    /// Whether the two have a divisor in common.
    func share(_ one: BigNumber, _ other: BigNumber) throws(FleetError) -> Bool {
        let common = try self.made { BN_gcd($0, one.raw, other.raw, self.context) == 1 }
        return BN_is_one(common.raw) != 1
    }
}
