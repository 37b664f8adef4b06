// SPDX-License-Identifier: Apache-2.0

import Downloads
import Foundation
import Hummingbird
import Logging
import NIOCore

/// What goes along with a request through the middleware to its route.
///
/// Every link of the chain has a copy in its frame, so that what is long is kept behind a reference.
struct GatewayContext: RequestContext {
    var coreContext: CoreRequestContextStorage

    /// The connection; a body that streams watches it for the client's leaving.
    let channel: any Channel

    /// The decoded target; set by ``TargetMiddleware``, before anything else reads the request.
    var target: RequestTarget? {
        get { self.targetBox?.value }
        set { self.targetBox = newValue.map(Box.init) }
    }

    /// For the log entry; set by ``LogMiddleware``.
    var record: RequestRecord

    /// Where the request came from, behind the proxies that are trusted; set by ``LogMiddleware``.
    var clientAddress: String?

    /// Who is calling; set by ``AuthenticationMiddleware`` on every route that needs a key.
    var caller: Caller? {
        get { self.callerBox?.value }
        set { self.callerBox = newValue.map(Box.init) }
    }

    /// What the caller may use up; set by ``RateLimitMiddleware`` where there is a caller.
    var limits: CallerLimits? {
        get { self.limitsBox?.value }
        set { self.limitsBox = newValue.map(Box.init) }
    }

    private var targetBox: Box<RequestTarget>?
    private var callerBox: Box<Caller>?
    private var limitsBox: Box<CallerLimits>?

    init(source: ApplicationRequestContextSource) {
        self.coreContext = CoreRequestContextStorage(source: source)
        self.channel = source.channel
        self.record = .silent
    }

    /// The query's parameters, to be read by name.
    var query: QueryReader { QueryReader(self.target?.parameters ?? []) }

    /// The limits of the caller, who is known.
    func requireLimits() throws(Problem) -> CallerLimits {
        guard let limits else { throw Problem(.unauthenticated, "A key is needed.") }
        return limits
    }

    /// The caller, who must have a scope; throws `INSUFFICIENT_SCOPE` naming it.
    func requireCaller(_ scope: Scope?) throws(Problem) -> Caller {
        guard let caller = self.caller else { throw Problem(.unauthenticated, "A key is needed.") }
        guard let scope, !caller.may(scope) else { return caller }
        throw Problem(
            .insufficientScope,
            "This needs the scope '\(scope.rawValue)', which the key does not have.",
            errors: [FieldProblem(field: "scope", message: scope.rawValue)]
        )
    }
}

/// A value behind a reference.
private final class Box<Value: Sendable>: Sendable {
    let value: Value

    init(_ value: Value) { self.value = value }
}
