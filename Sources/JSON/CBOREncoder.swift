/// Writes a JSON tree as CBOR in the preferred serialization (RFC 8949 section 4.1): definite
/// lengths, the shortest form of every length, integer and float, and text strings only, since
/// device libraries insist on major type 3 for every string. Members keep their order.
package enum CBOREncoder {
    package static func encode(_ value: JSONValue) -> [UInt8] {
        var output: [UInt8] = []
        Self.write(value, into: &output)
        return output
    }

    private static func write(_ value: JSONValue, into output: inout [UInt8]) {
        switch value {
        case .null: output.append(0xF6)
        case .bool(let flag): output.append(flag ? 0xF5 : 0xF4)
        case .number(let number): Self.writeNumber(number, into: &output)
        case .string(let text): Self.writeText(text, into: &output)
        case .array(let elements):
            Self.writeHead(.array, UInt64(elements.count), into: &output)
            for element in elements { Self.write(element, into: &output) }
        case .object(let object):
            Self.writeHead(.map, UInt64(object.count), into: &output)
            for member in object.members {
                Self.writeText(member.key, into: &output)
                Self.write(member.value, into: &output)
            }
        }
    }

    private static func writeText(_ text: String, into output: inout [UInt8]) {
        let bytes = text.utf8
        Self.writeHead(.textString, UInt64(bytes.count), into: &output)
        output.append(contentsOf: bytes)
    }

    private static func writeHead(
        _ type: CBORMajorType, _ argument: UInt64, into output: inout [UInt8]
    ) {
        let high = type.rawValue << 5
        switch argument {
        case 0..<24: output.append(high | UInt8(truncatingIfNeeded: argument))
        case 0...0xFF:
            output.append(high | 24)
            Self.writeBigEndian(argument, byteCount: 1, into: &output)
        case 0...0xFFFF:
            output.append(high | 25)
            Self.writeBigEndian(argument, byteCount: 2, into: &output)
        case 0...0xFFFF_FFFF:
            output.append(high | 26)
            Self.writeBigEndian(argument, byteCount: 4, into: &output)
        default:
            output.append(high | 27)
            Self.writeBigEndian(argument, byteCount: 8, into: &output)
        }
    }

    private static func writeBigEndian(
        _ value: UInt64, byteCount: Int, into output: inout [UInt8]
    ) {
        for index in (0..<byteCount).reversed() {
            output.append(UInt8(truncatingIfNeeded: value >> UInt64(index * 8)))
        }
    }

    /// RFC 8949 section 6.2: a number without fraction or exponent becomes an integer where 64
    /// bits hold it, every other one the nearest binary64 and from there the shortest float of
    /// the same value. What lies beyond binary64 becomes an infinity, as rounding has it.
    private static func writeNumber(_ number: JSONNumber, into output: inout [UInt8]) {
        if let value = UInt64(number.text) {
            Self.writeHead(.unsigned, value, into: &output)
        } else if number.text.utf8.first == UInt8(ascii: "-"),
            let magnitude = UInt64(number.text.dropFirst()), magnitude > 0
        {
            Self.writeHead(.negative, magnitude - 1, into: &output)
        } else {
            Self.writeFloat(Double(number.text) ?? 0, into: &output)
        }
    }

    private static func writeFloat(_ value: Double, into output: inout [UInt8]) {
        let single = Float(value)
        guard Double(single) == value else {
            output.append(0xFB)
            Self.writeBigEndian(value.bitPattern, byteCount: 8, into: &output)
            return
        }
        if let half = CBORHalf.bits(exactly: single) {
            output.append(0xF9)
            Self.writeBigEndian(UInt64(half), byteCount: 2, into: &output)
        } else {
            output.append(0xFA)
            Self.writeBigEndian(UInt64(single.bitPattern), byteCount: 4, into: &output)
        }
    }
}

/// IEEE 754 binary16 by hand: `Float16` is not there on every platform this builds on.
enum CBORHalf {
    /// RFC 8949 appendix D.
    static func value(_ bits: UInt16) -> Double {
        let exponent = Int(bits >> 10 & 0x1F)
        let mantissa = Double(bits & 0x3FF)
        let magnitude: Double
        switch exponent {
        case 0: magnitude = mantissa * 0x1p-24
        case 31: magnitude = mantissa == 0 ? .infinity : .nan
        default:
            magnitude = Double(sign: .plus, exponent: exponent - 25, significand: mantissa + 1024)
        }
        return bits & 0x8000 == 0 ? magnitude : -magnitude
    }

    /// The bits of the half that is exactly `value`; nil where none is.
    static func bits(exactly value: Float) -> UInt16? {
        let bits = value.bitPattern
        let sign = UInt16(truncatingIfNeeded: bits >> 16) & 0x8000
        let exponent = Int(bits >> 23 & 0xFF) - 127
        let fraction = bits & 0x7F_FFFF
        if value == 0 { return sign }
        if value.isInfinite { return sign | 0x7C00 }
        switch exponent {
        case -14...15 where fraction & 0x1FFF == 0:
            let biased = UInt16(truncatingIfNeeded: exponent + 15) << 10
            return sign | biased | UInt16(truncatingIfNeeded: fraction >> 13)
        case -24 ... -15:
            // Subnormal: a whole number of 2^-24.
            let shift = UInt32(-exponent - 1)
            let mantissa = fraction | 0x80_0000
            guard mantissa & (1 << shift - 1) == 0 else { return nil }
            return sign | UInt16(truncatingIfNeeded: mantissa >> shift)
        default: return nil
        }
    }
}
