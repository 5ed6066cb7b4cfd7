/// What can be said against a policy document. The first group keeps a document out; what follows
/// is `slipway policy lint`'s alone.
package enum PolicyRule: String, Hashable, Sendable, CaseIterable {
    case syntax = "syntax"
    case tooLong = "too-long"
    case wrongType = "wrong-type"
    case missingElement = "missing-element"
    case unknownElement = "unknown-element"
    case elementValue = "element-value"
    case repeatedSid = "repeated-sid"
    case actionForm = "action-form"
    case misspeltAction = "misspelt-action"
    case resourceForm = "resource-form"
    case variableForm = "variable-form"
    case misspeltKey = "misspelt-key"
    case unknownOperator = "unknown-operator"
    case operandForm = "operand-form"

    case actionCoversNothing = "action-covers-nothing"
    case resourceKind = "resource-kind"
    case subscribeOnTopic = "subscribe-on-topic"
    case publishOnTopicFilter = "publish-on-topicfilter"
    case mqttWildcardInTopic = "mqtt-wildcard-in-topic"
    case unresolvedVariable = "unresolved-variable"
    case keyAtConnectOnly = "key-at-connect-only"
    case setWithoutQuantifier = "set-without-quantifier"
    case unreachableStatement = "unreachable-statement"
    case foreignARN = "foreign-arn"
    case wildcardAction = "wildcard-action"
    case wildcardResource = "wildcard-resource"
    case allowAllBut = "allow-all-but"
    case subscribeWithoutReceive = "subscribe-without-receive"
    case denySubscribeGap = "deny-subscribe-gap"
    case anyClientID = "any-client-id"
    case forAllValuesAllow = "for-all-values-allow"
    case idleDeny = "idle-deny"
    case noConnect = "no-connect"
    case nearlyTooLong = "nearly-too-long"

    package var severity: PolicyFinding.Severity {
        switch self {
        case .syntax, .tooLong, .wrongType, .missingElement, .unknownElement, .elementValue,
            .repeatedSid, .actionForm, .misspeltAction, .resourceForm, .variableForm,
            .misspeltKey, .unknownOperator, .operandForm:
            .error
        case .actionCoversNothing, .resourceKind, .subscribeOnTopic, .publishOnTopicFilter,
            .mqttWildcardInTopic, .unresolvedVariable, .keyAtConnectOnly, .setWithoutQuantifier,
            .unreachableStatement, .foreignARN, .wildcardAction,
            .wildcardResource, .allowAllBut, .subscribeWithoutReceive, .denySubscribeGap:
            .warning
        case .anyClientID, .forAllValuesAllow, .idleDeny, .noConnect, .nearlyTooLong: .note
        }
    }
}
