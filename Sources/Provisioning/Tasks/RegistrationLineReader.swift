import Fleet

/// One line of a task's input, as it stands in the file.
struct InputLine: Sendable {
    enum Content: Hashable, Sendable {
        case text([UInt8])
        /// Longer than a line may be; what it held has been read past.
        case tooLong
    }

    /// Counts lines with something in them, without gaps.
    let ordinal: Int
    /// Counts all lines of the file from 1.
    let number: Int
    /// Of the line's first byte.
    let offset: Int64
    /// Of what follows the line and its end.
    let end: Int64
    let content: Content
}

/// Cuts a task's input into lines (LF or CRLF), reading a piece at a time and holding no more than
/// one line. A last line without its end is a line.
struct RegistrationLineReader {
    static let pieceBytes = 256 * 1024
    /// A character takes at most four bytes of UTF-8 (RFC 3629); whether the characters are few
    /// enough is counted when the line is read.
    static let lineBytesMax = 4 * Limits.registrationLineCharactersMax

    private let files: any RegistrationFiles
    private let task: RegistrationTaskID
    private var ordinal = 0
    /// Where the next line begins, and how many lines lie before it.
    private(set) var position: Int64
    private(set) var lines: Int
    private var buffer: [UInt8] = []
    /// The part of `buffer` that belongs to lines handed out already.
    private var spent = 0

    init(
        files: any RegistrationFiles, task: RegistrationTaskID,
        from progress: RegistrationTask.Progress
    ) {
        self.files = files
        self.task = task
        self.position = progress.bytes
        self.lines = progress.lines
    }

    /// The next line that has something in it; nil at the end of the input.
    mutating func next() async throws(FleetError) -> InputLine? {
        while let line = try await self.nextOfAny() {
            if case .text(let bytes) = line.content,
                bytes.allSatisfy({ $0 == 0x20 || $0 == 0x09 })
            {
                continue
            }
            self.ordinal += 1
            return line
        }
        return nil
    }

    private mutating func nextOfAny() async throws(FleetError) -> InputLine? {
        let start = self.position
        var searched = 0
        var isTooLong = false
        while true {
            let rest = self.buffer[(self.spent + searched)...]
            if let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
                let bytes = self.buffer[self.spent..<end]
                self.position += Int64(bytes.count + 1)
                self.spent = end + 1
                return self.line(from: start, isTooLong ? nil : bytes)
            }
            searched = self.buffer.count - self.spent
            if isTooLong || searched > Self.lineBytesMax {
                isTooLong = true
                self.position += Int64(searched)
                self.spent = self.buffer.count
                searched = 0
            }
            guard try await self.fill() else {
                let bytes = self.buffer[self.spent...]
                self.position += Int64(bytes.count)
                self.spent = self.buffer.count
                guard isTooLong || !bytes.isEmpty else { return nil }
                return self.line(from: start, isTooLong ? nil : bytes)
            }
        }
    }

    /// - Parameter bytes: nil for a line that is too long.
    private mutating func line(from start: Int64, _ bytes: ArraySlice<UInt8>?) -> InputLine {
        self.lines += 1
        var content = InputLine.Content.tooLong
        if var bytes, bytes.count <= Self.lineBytesMax {
            if bytes.last == UInt8(ascii: "\r") { bytes.removeLast() }
            // A byte order mark (RFC 3629, section 6) is the editor's, and no part of the line.
            if start == 0, bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes.removeFirst(3) }
            content = .text(Array(bytes))
        }
        return InputLine(
            ordinal: self.ordinal, number: self.lines, offset: start, end: self.position,
            content: content)
    }

    /// - Returns: false at the end of the input.
    private mutating func fill() async throws(FleetError) -> Bool {
        let unread = self.buffer.count - self.spent
        let piece = try await self.files.readInput(
            of: self.task, at: self.position + Int64(unread), count: Self.pieceBytes)
        guard !piece.isEmpty else { return false }
        self.buffer.removeFirst(self.spent)
        self.spent = 0
        self.buffer += piece
        return true
    }
}
