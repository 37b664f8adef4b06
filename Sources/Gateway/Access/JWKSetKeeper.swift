// SPDX-License-Identifier: Apache-2.0

import ServiceLifecycle

/// Loads the issuers' published keys at the start, and again when they are old, whether tokens come or not.
struct JWKSetKeeper: Service {
    let tokens: Live<JWTVerifier>

    func run() async throws {
        await cancelWhenGracefulShutdown {
            repeat { self.tokens.current.refreshKeys() } while (try? await Task.sleep(for: .seconds(30))) != nil
        }
    }
}
