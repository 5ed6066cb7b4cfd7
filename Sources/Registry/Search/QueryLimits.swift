/// What one query may ask (AWS: fleet indexing quotas), so that no query costs more than a page
/// of answers should.
package enum QueryLimits {
    /// AWS: queryVersion; there is no other.
    package static let version = "2017-09-30"
    /// AWS allows 1000.
    package static let charactersMax = 8192
    /// AWS allows 12.
    package static let termsMax = 200
    /// With the queries of the dynamic groups that the terms name.
    package static let expandedTermsMax = 1000
    /// Parentheses and NOTs within one another.
    package static let nestingMax = 50
    /// In one term.
    package static let wildcardsMax = 16
}
