// SPDX-License-Identifier: Apache-2.0

/// Something that a caller may do.
public enum Scope: String, Sendable, Hashable, CaseIterable, Codable {
    /// To list downloads, see their metadata and fetch their bytes.
    case read = "downloads:read"
    /// To create, copy and cancel downloads.
    case write = "downloads:write"
    /// To delete downloads.
    case delete = "downloads:delete"
    /// To read the log entries of one's own requests.
    case logs = "logs:read"
    /// To read what the gateway counts of itself (`/metrics`).
    case metrics = "metrics:read"
    /// Everything, and everyone's log entries.
    case admin
}
