// SPDX-License-Identifier: Apache-2.0

/// What a caller asks to be brought in from a URL.
public struct CreateRequest: Hashable, Sendable {
    /// A field that the URL's own host is sent; its value may be a credential.
    public struct Header: Hashable, Sendable {
        /// The name.
        public var name: String
        /// The value.
        public var value: Secret

        /// Creates a field.
        public init(name: String, value: Secret) {
            self.name = name
            self.value = value
        }
    }

    /// Where the file is; not to be trusted, and possibly a credential itself.
    public var url: String
    /// The container that it is to come into; `nil`: none.
    public var directory: String?
    /// The name that it is to have; `nil`: the one that its server gives it.
    public var filename: String?
    /// How long it may take, pauses included.
    public var timeout: Duration
    /// The SHA-256 that it must have, in lower-case hex.
    public var checksum: String?
    /// Fields for the URL's own host.
    public var headers: [Header]

    /// Creates a request.
    public init(
        url: String,
        directory: String? = nil,
        filename: String? = nil,
        timeout: Duration = .seconds(300),
        checksum: String? = nil,
        headers: [Header] = []
    ) {
        self.url = url
        self.directory = directory
        self.filename = filename
        self.timeout = timeout
        self.checksum = checksum
        self.headers = headers
    }
}

/// What a provider makes of a ``CreateRequest`` before it is queued.
public struct CreatePlan: Hashable, Sendable {
    /// The container that the download will be in, as lists name it; `nil`: none.
    public var session: String?
    /// The name that it has until its own is known.
    public var name: String
    /// The host that is asked; so many at once as an operator allows for one.
    public var host: String

    /// Creates a plan.
    public init(session: String?, name: String, host: String) {
        self.session = session
        self.name = name
        self.host = host
    }
}
