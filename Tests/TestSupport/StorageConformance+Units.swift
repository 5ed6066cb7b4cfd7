package import Fleet
internal import Testing

extension Samples {
    package static let standing = AllowlistStanding(
        state: .leased, since: Samples.time, reason: "rework", by: "ada", station: "S4",
        until: Samples.time.advanced(bySeconds: 60), thing: Samples.thingName(1))

    /// With every fact there is.
    package static func facts(_ number: Int, lot: String = "L1") -> AllowlistFacts {
        AllowlistFacts(
            serial: Self.serial(number), key: Self.fingerprint(number), mac: "02:00:00:00:00:01",
            hardwareType: "mk2", lot: lot, attributes: ["site": "a", "empty": ""],
            firstState: .held)
    }
}

/// Units of allowlists: what is said of them, and what became of them.
extension StorageConformance {
    private static let list = Samples.listName

    private static func bare(_ numbers: [Int]) -> [AllowlistFacts] {
        numbers.map { AllowlistFacts(serial: Samples.serial($0)) }
    }

    private static func importing(
        _ store: Store, _ entries: [AllowlistFacts], _ mode: AllowlistDraft.Mode
    ) async throws -> AllowlistAppended {
        let draft = try await store.begin(Self.list, mode: mode)
        let appended = try await store.append(entries: entries, to: draft)
        try await store.make(.publishAllowlist(draft, at: Samples.time))
        return appended
    }

    private static func units(_ store: Store) async throws -> [AllowlistUnit] {
        var units: [AllowlistUnit] = []
        var after: String?
        repeat {
            let page = try await store.page(
                ListQuery(.allowlistUnits(Self.list), after: after, limit: 2))
            for case .allowlistUnit(let unit) in page.records { units.append(unit) }
            after = page.next
        } while after != nil
        return units
    }

    static let unitChecks: [StorageConformance] = [
        StorageConformance(name: "aMergeAddsAndChangesAndForgetsNothing") { store in
            let first = try await Self.importing(
                store, [Samples.facts(1), Samples.facts(2)] + Self.bare([3]), .merge)
            #expect(first == AllowlistAppended(inserted: 3, added: 3, changed: 0))
            // 1 is bare and changes nothing, 2 changes, 3 gains facts, 4 is new.
            let second = try await Self.importing(
                store,
                Self.bare([1, 4]) + [Samples.facts(2, lot: "L2"), Samples.facts(3)], .merge)
            #expect(second == AllowlistAppended(inserted: 1, added: 1, changed: 2))
            #expect(
                try await Self.units(store).map(\.facts) == [
                    Samples.facts(1), Samples.facts(2, lot: "L2"), Samples.facts(3),
                    AllowlistFacts(serial: Samples.serial(4)),
                ])
            #expect(try await store.load([.allowlist(Self.list)]).allowlist(Self.list)?.count == 4)
            let spare = AllowlistFacts(serial: Samples.serial(5), lot: "L1")
            _ = try await Self.importing(store, [spare], .merge)
            #expect(try await Self.units(store).last?.facts == spare)
            let same = try await Self.importing(store, [Samples.facts(3)], .merge)
            #expect(same == AllowlistAppended())
        },
        StorageConformance(name: "aMergeChangesNothingThatItsLinesLeaveOut") { store in
            _ = try await Self.importing(store, [Samples.facts(1)] + Self.bare([2]), .merge)
            let serial = Samples.serial(1)
            // Held, and of one key: a file of lots lets go of neither.
            let lot = AllowlistFacts(serial: serial, lot: "L2", attributes: ["site": "b"])
            #expect(
                try await Self.importing(store, [lot], .merge) == AllowlistAppended(changed: 1))
            var wanted = Samples.facts(1, lot: "L2")
            wanted.attributes["site"] = "b"
            #expect(try await Self.units(store).first?.facts == wanted)
            #expect(try await Self.importing(store, [lot], .merge) == AllowlistAppended())
            // What is written down counts.
            var expected = AllowlistFacts(serial: serial)
            expected.saysExpected = true
            var other = AllowlistFacts(serial: Samples.serial(2))
            other.saysExpected = true
            #expect(
                try await Self.importing(store, [expected, other], .merge)
                    == AllowlistAppended(changed: 1))
            wanted.firstState = .expected
            #expect(
                try await Self.units(store).map(\.facts)
                    == [wanted, AllowlistFacts(serial: Samples.serial(2))])
            // Replaced, it is what the line says.
            let replaced = try await Self.importing(store, [lot], .replace)
            #expect(replaced == AllowlistAppended(inserted: 1, added: 0, changed: 1))
            #expect(try await Self.units(store).map(\.facts) == [lot])
        },
        StorageConformance(name: "aReplacementTellsWhatIsAddedChangedAndRemoved") { store in
            _ = try await Self.importing(store, (1...4).map { Samples.facts($0) }, .merge)
            let draft = try await store.begin(Self.list, mode: .replace)
            let appended = try await store.append(
                entries: [Samples.facts(1), Samples.facts(2, lot: "L9"), Samples.facts(9)],
                to: draft)
            #expect(appended == AllowlistAppended(inserted: 3, added: 1, changed: 1))
            #expect(
                try await store.removed(by: draft, limit: 9)
                    == [Samples.serial(3), Samples.serial(4)])
            #expect(try await store.removed(by: draft, limit: 1) == [Samples.serial(3)])
            #expect(try await Self.units(store).count == 4)
            try await store.make(.publishAllowlist(draft, at: Samples.time))
            #expect(
                try await Self.units(store).map(\.facts)
                    == [Samples.facts(1), Samples.facts(2, lot: "L9"), Samples.facts(9)])
        },
        StorageConformance(name: "aDiscardedChangeLeavesWhatWasSaid") { store in
            _ = try await Self.importing(store, [Samples.facts(1)], .merge)
            let draft = try await store.begin(Self.list, mode: .merge)
            _ = try await store.append(entries: [Samples.facts(1, lot: "L2")], to: draft)
            try await store.discard(draft)
            _ = try await Self.importing(store, [Samples.facts(2)], .merge)
            #expect(
                try await Self.units(store).map(\.facts) == [Samples.facts(1), Samples.facts(2)])
        },
        StorageConformance(name: "whatBecameOfAUnitOutlivesAnImport") { store in
            let serial = Samples.serial(1)
            try await store.conflicts(.setAllowlistStanding(Self.list, serial, Samples.standing))
            _ = try await Self.importing(store, [Samples.facts(1)], .merge)
            let key = RecordKey.allowlistUnit(Self.list, serial)
            let before = try await store.load([key])
            #expect(before.allowlistUnit(Self.list, serial)?.state == .held)
            var standing = Samples.standing
            try await store.make(
                .setAllowlistStanding(Self.list, serial, standing), when: [before.asSeen(key)])
            try await store.conflicts(
                .setAllowlistStanding(Self.list, serial, standing), when: [before.asSeen(key)])
            standing.state = .released
            try await store.make(.setAllowlistStanding(Self.list, serial, standing))
            _ = try await Self.importing(store, [Samples.facts(1, lot: "L2")], .replace)
            let after = try await store.load([key]).allowlistUnit(Self.list, serial)
            #expect(after?.standing == standing)
            #expect(after?.facts.lot == "L2")
            let history = try await store.page(ListQuery(.allowlistHistory(Self.list, serial)))
            #expect(
                history.records
                    == [.allowlistStanding(Samples.standing), .allowlistStanding(standing)])
            let versions = try await store.page(ListQuery(.allowlistVersions(Self.list)))
            #expect(versions.records.count == 2)
        },
        StorageConformance(name: "aLineThatContradictsWhatBecameOfAUnitIsNamed") { store in
            let (seen, new, off) = (Samples.serial(1), Samples.serial(2), Samples.serial(3))
            _ = try await Self.importing(store, Self.bare([1, 2, 3]), .merge)
            for serial in [seen, off] {
                let standing = AllowlistStanding(state: .provisioned, since: Samples.time)
                try await store.make(.setAllowlistStanding(Self.list, serial, standing))
            }
            _ = try await Self.importing(store, Self.bare([1, 2]), .replace)
            let lines = [seen, new, off].map { AllowlistFacts(serial: $0, firstState: .blocked) }
            for mode in [AllowlistDraft.Mode.merge, .replace] {
                let draft = try await store.begin(Self.list, mode: mode)
                let appended = try await store.append(entries: lines, to: draft)
                #expect(appended.contradicting == [seen: .provisioned, off: .provisioned])
                try await store.discard(draft)
            }
        },
    ]
}
