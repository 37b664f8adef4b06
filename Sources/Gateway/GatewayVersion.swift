// SPDX-License-Identifier: Apache-2.0

/// Which version this is.
public enum GatewayVersion {
    /// As in the contract's `info.version`.
    public static let current = "0.1.0"
}
