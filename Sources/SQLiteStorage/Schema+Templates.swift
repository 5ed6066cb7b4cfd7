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
}
