package import Fleet

/// The rules of tags: at most fifty on a resource, and they come and go with it.
package enum Tags {
    /// AWS: TagResource. Tags that are there already take the new value.
    package static func tag(
        _ resource: TaggedResource, with tags: [String: String], in view: RegistryView
    ) throws(FleetError) -> ChangeSet {
        try Self.check(tags)
        let before = try Self.existing(resource, in: view)
        return try Self.set("TagResource", resource, to: before.merging(tags) { $1 }, in: view)
    }

    /// AWS: UntagResource. A key that is not there is gone already.
    package static func untag(
        _ resource: TaggedResource, keys: [String], in view: RegistryView
    ) throws(FleetError) -> ChangeSet {
        for key in keys { try Self.check(key: key) }
        let before = try Self.existing(resource, in: view)
        return try Self.set(
            "UntagResource", resource, to: before.filter { !keys.contains($0.key) }, in: view)
    }

    /// What `tag`, `untag` and a listing have to see.
    package static func keys(_ resource: TaggedResource) -> Set<RecordKey> {
        [resource.key, .tags(resource)]
    }

    /// The tags of a resource that exists (AWS: ListTagsForResource).
    /// - Throws: `FleetError.notFound` where it does not.
    package static func existing(
        _ resource: TaggedResource, in view: RegistryView
    ) throws(FleetError) -> [String: String] {
        guard view.entry(resource.key) != nil else {
            throw FleetError(
                .notFound, "there is no resource '\(resource)'", resource: resource.path)
        }
        return view.tags(of: resource)
    }

    /// The change that gives a new resource its tags; none where it has none.
    package static func initial(
        _ tags: [String: String], of resource: TaggedResource
    ) throws(FleetError) -> [Change] {
        try Self.check(tags)
        try Self.check(count: tags.count, of: resource)
        return tags.isEmpty ? [] : [.setTags(resource, tags)]
    }

    /// A request's tags, each key once (AWS: TagList).
    /// - Throws: `FleetError.invalidRequest` for a key that comes twice.
    package static func unique(
        _ tags: [(key: String, value: String)]
    ) throws(FleetError) -> [String: String] {
        var unique: [String: String] = [:]
        for tag in tags where unique.updateValue(tag.value, forKey: tag.key) != nil {
            throw FleetError(.invalidRequest, "tag '\(tag.key.clipped)' is given twice")
        }
        return unique
    }

    private static func set(
        _ action: String, _ resource: TaggedResource, to tags: [String: String],
        in view: RegistryView
    ) throws(FleetError) -> ChangeSet {
        try Self.check(count: tags.count, of: resource)
        // The resource must not go meanwhile and leave its tags behind.
        var set = ChangeSet(
            action: action,
            preconditions: [view.asSeen(.tags(resource)), .present(resource.key)])
        if tags != view.tags(of: resource) { set.changes = [.setTags(resource, tags)] }
        return set
    }

    private static func check(
        count: Int, of resource: TaggedResource
    ) throws(FleetError) {
        guard count <= RegistryLimits.tagsPerResourceMax else {
            throw FleetError(
                .limitExceeded,
                "'\(resource)' would have \(count) tags; at most "
                    + "\(RegistryLimits.tagsPerResourceMax)",
                resource: resource.path)
        }
    }

    /// AWS: `[\p{L}\p{Z}\p{N}_.:/=+\-@]*`; keys are 1 to 128 and do not begin with `aws:`, values
    /// up to 256.
    private static func check(_ tags: [String: String]) throws(FleetError) {
        for (key, value) in tags.sorted(by: { $0.key < $1.key }) {
            try Self.check(key: key)
            guard value.unicodeScalars.count <= RegistryLimits.tagValueCharactersMax,
                value.unicodeScalars.allSatisfy(Self.allows)
            else {
                throw FleetError(
                    .invalidRequest,
                    "'\(value.clipped)' is no value for tag '\(key.clipped)': up to "
                        + "\(RegistryLimits.tagValueCharactersMax) letters, digits, spaces and "
                        + "_ . : / = + - @")
            }
        }
    }

    private static func check(key: String) throws(FleetError) {
        guard (1...RegistryLimits.tagKeyCharactersMax).contains(key.unicodeScalars.count),
            key.unicodeScalars.allSatisfy(Self.allows), !key.lowercased().hasPrefix("aws:")
        else {
            throw FleetError(
                .invalidRequest,
                "'\(key.clipped)' is no tag key: 1 to \(RegistryLimits.tagKeyCharactersMax) "
                    + "letters, digits, spaces and _ . : / = + - @, not beginning with aws:")
        }
    }

    private static func allows(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter,
            .decimalNumber, .letterNumber, .otherNumber, .spaceSeparator:
            true
        case .lineSeparator, .paragraphSeparator: false
        case _: "_.:/=+-@".unicodeScalars.contains(scalar)
        }
    }
}
