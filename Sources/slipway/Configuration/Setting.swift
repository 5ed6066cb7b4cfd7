/// One thing that may be set: what it is called, what it means, what it is when nobody says, and
/// what it may be. The table of all of them is `Settings.all`; `slipway config show` prints it.
struct Setting: Sendable {
    enum Kind: Sendable {
        case text
        /// A path; relative ones are relative to `directory`.
        case path
        case integer(ClosedRange<Int>)
        /// An open file descriptor, or empty.
        case descriptor
        case flag
        case choice([String])
        /// Separated by commas.
        case list

        var description: String {
            switch self {
            case .text: "text"
            case .path: "path"
            case .integer(let range): "\(range.lowerBound)…\(range.upperBound)"
            case .descriptor: "0…\(Setting.descriptorMax)"
            case .flag: "true|false"
            case .choice(let words): words.joined(separator: "|")
            case .list: "comma-separated"
            }
        }
    }

    static let descriptorMax = 1023

    /// Dotted: `listen.port`. In the environment `SLIPWAY_LISTEN_PORT`, as a flag `--listen-port`,
    /// in the file `{"listen": {"port": 8883}}`.
    let key: String
    let kind: Kind
    let defaultText: String
    let meaning: String

    init(_ key: String, _ kind: Kind, default defaultText: String, _ meaning: String) {
        self.key = key
        self.kind = kind
        self.defaultText = defaultText
        self.meaning = meaning
    }

    /// `listen.handshakeSeconds` is `SLIPWAY_LISTEN_HANDSHAKE_SECONDS`.
    var environmentName: String {
        "SLIPWAY_" + self.words.map { $0.uppercased() }.joined(separator: "_")
    }

    /// `listen.handshakeSeconds` is `listen-handshake-seconds`.
    var flagName: String { self.words.joined(separator: "-") }

    private var words: [String] {
        var words: [String] = []
        for component in self.key.split(separator: ".") {
            var word = ""
            for character in component {
                if character.isUppercase {
                    words.append(word)
                    word = character.lowercased()
                } else {
                    word.append(character)
                }
            }
            words.append(word)
        }
        return words
    }

    /// What is wrong with `text` as a value; nil where nothing is.
    func problem(with text: String) -> String? {
        switch self.kind {
        case .text, .path, .list: return nil
        case .integer(let range):
            guard let value = Int(text), range.contains(value) else {
                return "must be a whole number from \(range.lowerBound) to \(range.upperBound)"
            }
            return nil
        case .descriptor:
            guard text.isEmpty || Int(text).map((0...Self.descriptorMax).contains) == true else {
                return "must be a descriptor from 0 to \(Self.descriptorMax), or empty"
            }
            return nil
        case .flag: return text == "true" || text == "false" ? nil : "must be true or false"
        case .choice(let words):
            return words.contains(text) ? nil : "must be one of \(words.joined(separator: ", "))"
        }
    }
}
