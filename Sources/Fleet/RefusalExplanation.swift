/// The one table of what each reason means. `Documentation/reason-codes.md` is printed from it.
extension RefusalReason {
    package var explanation: Explanation {
        switch self.rawValue / 100 {
        case 11, 12: self.ofTheGateway
        case 21: self.ofARenewal
        case 20 where self.isTheSigners: self.ofTheSigner
        case 10, 20..<40: self.ofTheRequest
        case 40..<62: self.ofTheTemplate
        case 62: self.ofTheAllowlist
        case 70..<80: self.ofTheRegistry
        default: self.ofTheService
        }
    }

    private var ofARenewal: Explanation {
        switch self {
        case .renewalNotOffered:
            Explanation(
                .certificate, "This certificate is not one that renews itself.",
                do: "Only a device's own certificate does, where `renewal.windowDays` is not 0.")
        case .renewalTooEarly:
            Explanation(
                .certificate, "The certificate lives on for longer than the renewal window.",
                do: "Ask again from the time that the message names; see `renewal.windowDays`.")
        case .renewalTooOften:
            Explanation(
                .certificate, retryAfter: 300, "The certificate is new, or was just renewed.",
                do: "Wait as told: one new certificate in each `renewal.intervalSeconds`.")
        case .renewalTooLate:
            Explanation(
                .certificate, "The certificate has ended, and its grace is over.",
                do: "Provision the device again; see `renewal.graceDays`.")
        case .renewalOfAnotherSubject:
            Explanation(
                .certificate, "The request names another subject than the certificate has.",
                do: "Ask with the certificate's own subject, or with none.")
        default: self.ofTheService
        }
    }

    private var isTheSigners: Bool {
        [.signerTimedOut, .signerBusy, .signerFailed].contains(self)
    }

    private var ofTheSigner: Explanation {
        switch self {
        case .signerTimedOut:
            Explanation(
                .certificate, retryAfter: 5, "The certificate provider did not answer in time.",
                do: "Look at its service; try again.")
        case .signerBusy:
            Explanation(
                .certificate, retryAfter: 30, "The certificate provider failed too often.",
                do: "It is left alone for 30 seconds; look at its service.")
        case .signerFailed:
            Explanation(
                .certificate, retryAfter: 5,
                "The certificate provider failed, or its answer cannot be used.",
                do: "The log tells the cause, under the same correlation id; mend the provider.")
        default: self.ofTheService
        }
    }

    private var ofTheRequest: Explanation {
        switch self {
        case .payloadUnreadable:
            Explanation(
                .payload, "The payload is no JSON or CBOR object, or too large or too deep.",
                do: "Look at what the device sends, and whether the topic names its format.")
        case .fieldOfWrongKind:
            Explanation(
                .payload, "A field is of the wrong kind; `parameter` names it.",
                do: "Send a string; parameters are an object of strings.")
        case .fieldMissing:
            Explanation(
                .payload, "A field that the request needs is missing; `parameter` names it.",
                do: "Send it.")
        case .parametersTooLarge:
            Explanation(
                .payload, "There are too many parameters, or a name or a value is too long.",
                do: "Send what the template declares, and no more.")
        case .csrRefused:
            Explanation(
                .certificate, "The certificate signing request cannot be honoured.",
                do: "The message says why: its form, its signature, its key, its subject.")
        case .csrTooLong:
            Explanation(
                .certificate, "The certificate signing request is too long.",
                do: "Send one PEM block of at most 4096 characters.")
        case .keyNotFree:
            Explanation(
                .certificate, "The key belongs to somebody else, or to a revoked certificate.",
                do: "Have the device make another key.")
        case .noIssuingAuthority:
            Explanation(
                .certificate, retryAfter: 300, "No issuing CA signs such certificates at present.",
                do: "`slipway ca list` shows which issue, and for what; the log names the use.")
        case .tokenEmpty:
            Explanation(
                .token, "There is no ownership token in the request.",
                do: "Create a certificate first; its reply carries the token.")
        case .tokenUnknown:
            Explanation(
                .token, "The ownership token is not one of this service's.",
                do: "Send it byte by byte as it came; or create another certificate.")
        case .tokenOfAnotherClaim:
            Explanation(
                .token, "The ownership token was given to another claim.",
                do: "Register with the claim certificate that the token was created with.")
        case .tokenExpired:
            Explanation(
                .token, "The ownership token is older than an hour.",
                do: "Create another certificate.")
        case .tokenUsed:
            Explanation(
                .token, "The token has paid for a registration with other parameters.",
                do: "Create another certificate, or send the same request again.")
        case .certificateNotPending:
            Explanation(
                .token, "The certificate of this token no longer waits for a thing.",
                do: "Create another certificate.")
        case .certificateSuperseded:
            Explanation(
                .token, "The device enrolled again meanwhile, and a newer certificate counts.",
                do: "Use the newer certificate, or create another.")
        default: self.ofTheService
        }
    }

    private var ofTheGateway: Explanation {
        switch self {
        case .handshakeFailed:
            Explanation(
                .tls, "The TLS handshake failed, or was never finished.",
                do: "The trace has TLS's own word: a certificate of another authority, or none.")
        case .principalRefused:
            Explanation(
                .tls, "The certificate is unknown, not active, out of its time or of no authority.",
                do: "`slipway cert show`; a claim may also be used from another network only.")
        case .connectRefused:
            Explanation(
                .tls, "The CONNECT came too late, is malformed or asks for what is not served.",
                do: "The trace names the rule; look at the client's MQTT settings.")
        case .replyTooLarge:
            Explanation(
                .payload, "The reply is above the Maximum Packet Size of the client's CONNECT.",
                do: "Let the client take 16 KiB, or name no Maximum Packet Size.")
        case .connectDenied:
            Explanation(
                .policy, "No policy lets this certificate connect under this client identifier.",
                do: "`slipway policy simulate`; most templates want the thing's name.")
        case .publishDenied:
            Explanation(
                .policy, "No policy lets this client publish to this topic.",
                do: "`slipway policy simulate` says which statement decides.")
        case .subscribeDenied:
            Explanation(
                .policy, "No policy lets this client subscribe to this filter.",
                do: "`slipway policy simulate` says which statement decides.")
        case .topicRefused:
            Explanation(
                .policy, "The topic is reserved, and nothing is served there.",
                do: "Compare it with the dialogue's topics; RETAIN is not for them.")
        default: self.ofTheService
        }
    }

    private var ofTheTemplate: Explanation {
        switch self {
        case .templateUnknown:
            Explanation(
                .template, "There is no provisioning template of that name.",
                do: "Compare the topic with `slipway template list`.")
        case .templateDisabled:
            Explanation(
                .template, "The provisioning template is disabled.",
                do: "Enable it when its time has come.")
        case .templateOfAnotherType:
            Explanation(
                .template, "The template is of a type that this way in cannot use.",
                do: "Name a template of type FLEET_PROVISIONING.")
        case .certificateProfileMissing:
            Explanation(
                .template, retryAfter: 300,
                "The template asks for a certificate profile that the service has not.",
                do: "Put it into `pki/profiles` and `slipway ca reload`, or mend the template.")
        case .parameterMissing:
            Explanation(
                .parameters, "The template needs a parameter; `parameter` names it.",
                do: "Have the device send it, the hook add it, or the template default it.")
        case .parameterRefused:
            Explanation(
                .parameters, "A value makes no valid name, attribute or document.",
                do: "The message names the parameter and the place in the template.")
        case .parameterMisspelt:
            Explanation(
                .parameters, "A parameter looks like a declared one and is other bytes.",
                do: "Spell it as the template does.")
        case .resourceMissing:
            Explanation(
                .parameters, "A type, group, billing group or policy that it names is not there.",
                do: "Create it, or mend the template or the parameter.")
        case .hookDenied:
            Explanation(
                .hook, "The pre-provisioning hook refused the device.",
                do: "The message is the hook's; `slipway trace` shows what it read.")
        case .hookTimedOut:
            Explanation(
                .hook, retryAfter: 5, "The pre-provisioning hook did not answer in time.",
                do: "Look at its cost in `slipway trace`; try again.")
        case .hookBusy:
            Explanation(
                .hook, retryAfter: 2, "Too many devices ask the hook at once.",
                do: "Wait and try again; more of `hook.workers` if it stays so.")
        case .hookFailed:
            Explanation(
                .hook, "The hook failed, is missing or has not been approved; that denies.",
                do: "The log says what went wrong; mend the hook.")
        default: self.ofTheService
        }
    }

    private var ofTheAllowlist: Explanation {
        switch self {
        case .unitNotExpected:
            Explanation(
                .allowlist, "The unit was taken off its list while it registered.",
                do: "Put it on the list again, where that was not meant.")
        case .unitHeld:
            Explanation(
                .allowlist, retryAfter: 60, "The unit is on its list, and on hold.",
                do: "`slipway allowlist release` lets it in; it need not be touched.")
        case .unitBlocked:
            Explanation(
                .allowlist, "The unit is on its list, and blocked.",
                do: "`slipway allowlist unit` says by whom and why.")
        case .unitLeased:
            Explanation(
                .allowlist, retryAfter: 60, "The unit is kept for another station.",
                do: "Register it there, or wait for the lease to end.")
        case .unitOfAnotherKey:
            Explanation(
                .allowlist, "The list knows the unit by another key than the device's.",
                do: "A relabelled unit or a wrong file: compare `key_fingerprint`.")
        case .unitOfAnotherAddress:
            Explanation(
                .allowlist, "The list knows the unit by another MAC address; see `parameter`.",
                do: "A relabelled unit or a wrong file: compare `mac`.")
        default: self.ofTheService
        }
    }

    private var ofTheRegistry: Explanation {
        switch self {
        case .thingConflict:
            Explanation(
                .registry, "The thing exists, and the template does not let it be changed so.",
                do: "See OverrideSettings in the template.")
        case .policyConflict:
            Explanation(
                .registry, "A policy of that name exists with another document.",
                do: "An operator has changed it; put it back or rename it.")
        case .keyOfRevokedCertificate:
            Explanation(
                .registry, "The key belongs to a revoked certificate.",
                do: "Have the device make another key.")
        case .retryRefused:
            Explanation(
                .enrolment, "The same key again under the same serial; policy refuses retries.",
                do: "See `enrolment.onRetry`.")
        case .reworkRefused:
            Explanation(
                .enrolment, "Another key for this serial at the same station; policy refuses.",
                do: "See `enrolment.onRework`; revoke the earlier certificate to release it.")
        case .serialElsewhere:
            Explanation(
                .enrolment, "Another key for this serial at another place or much later.",
                do: "A clone or a relabelled unit: find both units before anything else.")
        case .copiedImage:
            Explanation(
                .enrolment, "The key already belongs to a thing of another serial.",
                do: "The flash image was copied with its key: have the unit make its own.")
        case .enrolmentHeld:
            Explanation(
                .enrolment, retryAfter: 60, "Held until a person decides.",
                do: "`slipway enrolment list --held`, then `slipway enrolment decide`.")
        case .enrolmentRefused:
            Explanation(
                .enrolment, "A person decided that this key is not to have this serial.",
                do: "Take the unit off the line.")
        case .certificateInTwoPlaces:
            Explanation(
                .enrolment, "One certificate is on two live connections, which policy ends.",
                do: "`slipway enrolment list --verdict clone` has both addresses; find both units.")
        default: self.ofTheService
        }
    }

    private var ofTheService: Explanation {
        switch self {
        case .claimNotActive:
            Explanation(
                .claim, "The claim certificate of the connection is not active any more.",
                do: "Give the line another claim.")
        case .accessDenied:
            Explanation(
                .claim, "The device is not allowed to do this.",
                do: "The log says more than the device is told.")
        case .claimRateExceeded:
            Explanation(
                .claim, retryAfter: 10,
                "The claim asks for more certificates a minute than it may.",
                do: "Wait as told; `slipway claim limit NAME --per-minute` allows more.")
        case .claimPendingExceeded:
            Explanation(
                .claim, retryAfter: 60, "Too many certificates of the claim wait to be registered.",
                do: "Register them or wait for their tokens' end; see `--pending-max`.")
        case .tooManyAtOnce:
            Explanation(
                .service, retryAfter: 2, "Too many requests are under way at once.",
                do: "Wait as told and try again on the same connection.")
        case .storeBusy:
            Explanation(
                .service, retryAfter: 2, "The store's queue is full.",
                do: "Wait as told and try again on the same connection.")
        case .keyPairsExhausted:
            Explanation(
                .service, retryAfter: 5, "More devices wait for a key pair than can be served.",
                do: "Wait and try again; more of `keys.ready`, or signing requests instead.")
        case .clockWentBack:
            Explanation(
                .service, retryAfter: 60, "The service's clock went back; nothing is issued.",
                do: "Mend the server's clock (`slipway status` shows by how much).")
        case .raceLost:
            Explanation(
                .service, retryAfter: 2, "Other requests changed the same records meanwhile.",
                do: "Try again.")
        case .authorityKeyUnavailable:
            Explanation(
                .service, retryAfter: 5, "The token that holds the CA's key does not sign.",
                do: "Wait and try again; `slipway ca status` and the log say what the token lacks.")
        default:
            Explanation(
                .service, retryAfter: 5, "The service could not complete the request.",
                do: "The log tells the cause, under the same correlation id.")
        }
    }

    /// `Documentation/reason-codes.md`, which `slipway reasons --markdown` prints.
    package static func markdown() -> String {
        var lines = [
            "# Reason codes", "",
            "Every refusal of the provisioning dialogue carries, beside AWS's `statusCode`, "
                + "`errorCode`",
            "and `errorMessage`, these members: `reasonCode` (a number of this table), `reason` "
                + "(its name),",
            "`step`, `parameter` (the one at fault, where there is one), `hookReasonCode` (a "
                + "hook's own word, where",
            "it gave one), `retryable`, `retryAfterSeconds` and `correlationId`, which `slipway "
                + "trace` takes.",
            "Codes 11xx, 12xx and 7107 are the gateway's: MQTT tells a client less, and `slipway "
                + "trace --refused`",
            "shows them. Numbers do not change their meaning. This page is printed by",
            "`slipway reasons --markdown`.", "",
            "| code | reason | step | retry | what it means | what to do |",
            "|---|---|---|---|---|---|",
        ]
        for reason in Self.allCases {
            let told = reason.explanation
            let retry = told.retryAfterSeconds.map { "after \($0) s" } ?? "no"
            lines.append(
                "| \(reason.rawValue) | `\(reason.name)` | \(told.step.rawValue) | \(retry) "
                    + "| \(told.meaning) | \(told.action) |")
        }
        return lines.joined(separator: "\n")
    }
}
