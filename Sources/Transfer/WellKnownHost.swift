// SPDX-License-Identifier: Apache-2.0

/// Names that stand for an address wherever they are resolved.
///
/// Who hands a URL on to be fetched elsewhere does not resolve its name: these can be judged all the same.
enum WellKnownHost {
    /// Of the clouds' metadata services, all at one address that is in no public network.
    private static let metadata: Set<String> = [
        "instance-data", "instance-data.ec2.internal", "metadata", "metadata.goog", "metadata.google.internal",
    ]

    /// The address of a host as ``Origin/host`` writes it; `nil` for all other names.
    static func address(of host: String) -> IPAddress? {
        // RFC 6761, 6.3.
        if host == "localhost" || host.hasSuffix(".localhost") { return IPAddress("127.0.0.1") }
        return Self.metadata.contains(host) ? IPAddress("169.254.169.254") : nil
    }
}
