// SPDX-License-Identifier: Apache-2.0

public import HTTPTypes

/// An upstream's answer, at the moment when its head is there.
public struct TransferResponse: Sendable {
    /// The status code.
    public var status: Int
    /// The header fields of the last hop.
    public var headers: HTTPFields
    /// The URL that answered, after redirects.
    public var url: String
    /// The bytes; letting go of them ends the transfer.
    public var body: TransferBody
}
