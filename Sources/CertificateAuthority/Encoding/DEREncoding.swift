import Fleet
import SwiftASN1

/// Runs an encoder whose input this module made. SwiftASN1 throws only for values that cannot be
/// written (a year out of range), so a throw here is a refusal to issue, and says of what.
func encodeDER(
    _ what: String, _ body: (inout DER.Serializer) throws -> Void
) throws(FleetError) -> [UInt8] {
    var serializer = DER.Serializer()
    do {
        try body(&serializer)
    } catch {
        throw FleetError(.internalFailure, "\(what) cannot be encoded: \(error)")
    }
    return serializer.serializedBytes
}

extension DER.Serializer {
    /// `SEQUENCE { OBJECT IDENTIFIER, critical BOOLEAN, OCTET STRING { value } }`, with the
    /// default FALSE omitted (X.690 11.5, RFC 5280 4.1.2.9).
    mutating func appendExtension(
        _ identifier: ASN1ObjectIdentifier, critical: Bool,
        _ value: (inout DER.Serializer) throws -> Void
    ) throws {
        try self.appendConstructedNode(identifier: .sequence) { coder in
            try coder.serialize(identifier)
            if critical { try coder.serialize(true) }
            var inner = DER.Serializer()
            try value(&inner)
            try coder.serialize(ASN1OctetString(contentBytes: inner.serializedBytes[...]))
        }
    }
}

/// The children of a constructed node, read in order.
struct DERFields: ~Copyable {
    private var iterator: ASN1NodeCollection.Iterator
    private var pending: ASN1Node?

    init?(_ node: ASN1Node, identifier: ASN1Identifier = .sequence) {
        guard node.identifier == identifier, case .constructed(let children) = node.content else {
            return nil
        }
        self.iterator = children.makeIterator()
        self.pending = nil
    }

    mutating func next() -> ASN1Node? {
        if let node = self.pending {
            self.pending = nil
            return node
        }
        return self.iterator.next()
    }

    /// The next child where it has `identifier`; otherwise it stays to be read.
    mutating func next(_ identifier: ASN1Identifier) -> ASN1Node? {
        guard let node = self.next() else { return nil }
        if node.identifier == identifier { return node }
        self.pending = node
        return nil
    }

    mutating func isAtEnd() -> Bool {
        guard let node = self.next() else { return true }
        self.pending = node
        return false
    }
}

extension ASN1Node {
    var primitiveBytes: ArraySlice<UInt8>? {
        if case .primitive(let bytes) = self.content { bytes } else { nil }
    }

    /// Content of a BIT STRING that holds whole octets.
    var wholeBitStringBytes: ArraySlice<UInt8>? {
        guard let bits = try? ASN1BitString(derEncoded: self), bits.paddingBits == 0 else {
            return nil
        }
        return bits.bytes
    }

    var objectIdentifier: ASN1ObjectIdentifier? { try? ASN1ObjectIdentifier(derEncoded: self) }
}
