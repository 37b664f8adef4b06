// SPDX-License-Identifier: Apache-2.0

public import Logging

/// Makes HTTP transfers through libcurl's multi interface, on a thread of its own.
public actor TransferClient {
    /// Starts the thread.
    public init(egress: EgressPolicy, logger: Logger) {}

    /// Makes a request; returns at the answer's head, with any status.
    ///
    /// Cancelling the task ends the transfer at any moment.
    public nonisolated func execute(_ request: TransferRequest) async throws(TransferError) -> TransferResponse {
        throw TransferError(.closed)
    }

    /// Transfers that hold a handle now.
    public var openTransfers: Int { 0 }

    /// Refuses new transfers, fails the open ones, and ends the thread.
    public nonisolated func shutdown() async {}
}
