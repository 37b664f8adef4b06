// SPDX-License-Identifier: Apache-2.0

import Downloads
import Testing

@testable import Gateway

/// What a provider's refusal is to a caller.
@Suite struct ProviderProblemTests {
    @Test func theFieldAtFaultIsNamed() {
        let problem = Problem(ProviderError.invalid("directory", "The field 'directory' is no path."))
        #expect(problem.code == .invalidRequest && problem.errors.map(\.field) == ["directory"])
        let url = Problem(ProviderError(.invalidURL, message: "The URL cannot be asked."))
        #expect(url.code == .invalidURL && url.errors.map(\.field) == ["url"])
        #expect(Problem(ProviderError(.invalidRequest, message: "No.")).errors.isEmpty)
    }
}
