extension Schema {
    /// Who handed in a template's version and why, and which file was last loaded.
    static let templateHistory = """
        ALTER TABLE templates ADD COLUMN loaded_digest TEXT;
        ALTER TABLE template_versions ADD COLUMN author TEXT;
        ALTER TABLE template_versions ADD COLUMN message TEXT;
        """

    /// Templates that are deleted, with the digests of the file that each was last loaded from.
    static let deletedTemplates = """
        CREATE TABLE deleted_templates (
            name TEXT NOT NULL PRIMARY KEY, loaded_digest TEXT NOT NULL
        ) STRICT;
        """

    /// The number of the last version that each deleted template had: no other body gets it. Of
    /// templates that were deleted before this was kept, the certificates say what they know.
    static let deletedTemplateVersions = """
        CREATE TABLE deleted_template_versions (
            name TEXT NOT NULL PRIMARY KEY, latest INTEGER NOT NULL
        ) STRICT;
        INSERT INTO deleted_template_versions (name, latest)
            SELECT template, max(json_extract(provenance, '$.registration.templateVersion'))
            FROM certificates
            WHERE template IS NOT NULL
                AND json_extract(provenance, '$.registration.templateVersion') IS NOT NULL
            GROUP BY template;
        """
}
