/// The operators of a policy's `Condition`, as IAM has them.
package enum ConditionOperator: String, Hashable, Sendable, CaseIterable {
    case stringEquals = "StringEquals"
    case stringNotEquals = "StringNotEquals"
    case stringEqualsIgnoreCase = "StringEqualsIgnoreCase"
    case stringNotEqualsIgnoreCase = "StringNotEqualsIgnoreCase"
    case stringLike = "StringLike"
    case stringNotLike = "StringNotLike"
    case numericEquals = "NumericEquals"
    case numericNotEquals = "NumericNotEquals"
    case numericLessThan = "NumericLessThan"
    case numericLessThanEquals = "NumericLessThanEquals"
    case numericGreaterThan = "NumericGreaterThan"
    case numericGreaterThanEquals = "NumericGreaterThanEquals"
    case dateEquals = "DateEquals"
    case dateNotEquals = "DateNotEquals"
    case dateLessThan = "DateLessThan"
    case dateLessThanEquals = "DateLessThanEquals"
    case dateGreaterThan = "DateGreaterThan"
    case dateGreaterThanEquals = "DateGreaterThanEquals"
    case bool = "Bool"
    case binaryEquals = "BinaryEquals"
    case ipAddress = "IpAddress"
    case notIPAddress = "NotIpAddress"
    case arnEquals = "ArnEquals"
    case arnNotEquals = "ArnNotEquals"
    case arnLike = "ArnLike"
    case arnNotLike = "ArnNotLike"
    case null = "Null"

    /// How one value is compared with one other.
    enum Comparison: Hashable, Sendable {
        case text, foldedText, like, number(Order), date(Order), bool, binary, network, arn, null
    }

    enum Order: Hashable, Sendable {
        case equal, less, lessOrEqual, greater, greaterOrEqual

        func holds<Value: Comparable>(_ left: Value, _ right: Value) -> Bool {
            switch self {
            case .equal: left == right
            case .less: left < right
            case .lessOrEqual: left <= right
            case .greater: left > right
            case .greaterOrEqual: left >= right
            }
        }
    }

    /// The comparison, and whether the operator is its negation.
    var meaning: (comparison: Comparison, negated: Bool) {
        switch self {
        case .stringEquals: (.text, false)
        case .stringNotEquals: (.text, true)
        case .stringEqualsIgnoreCase: (.foldedText, false)
        case .stringNotEqualsIgnoreCase: (.foldedText, true)
        case .stringLike: (.like, false)
        case .stringNotLike: (.like, true)
        case .numericEquals: (.number(.equal), false)
        case .numericNotEquals: (.number(.equal), true)
        case .numericLessThan: (.number(.less), false)
        case .numericLessThanEquals: (.number(.lessOrEqual), false)
        case .numericGreaterThan: (.number(.greater), false)
        case .numericGreaterThanEquals: (.number(.greaterOrEqual), false)
        case .dateEquals: (.date(.equal), false)
        case .dateNotEquals: (.date(.equal), true)
        case .dateLessThan: (.date(.less), false)
        case .dateLessThanEquals: (.date(.lessOrEqual), false)
        case .dateGreaterThan: (.date(.greater), false)
        case .dateGreaterThanEquals: (.date(.greaterOrEqual), false)
        case .bool: (.bool, false)
        case .binaryEquals: (.binary, false)
        case .ipAddress: (.network, false)
        case .notIPAddress: (.network, true)
        // IAM: ArnEquals and ArnLike behave identically.
        case .arnEquals, .arnLike: (.arn, false)
        case .arnNotEquals, .arnNotLike: (.arn, true)
        case .null: (.null, false)
        }
    }
}
