package import Fleet

/// What the operations upon credentials and roles need.
package struct AccessServices: Sendable {
    package let vault: AccessVault
    package let directory: AccessDirectory

    package init(vault: AccessVault, store: any FleetStore) {
        self.vault = vault
        self.directory = AccessDirectory(store: store, vault: vault)
    }
}
