// SPDX-License-Identifier: Apache-2.0

/// A bounded map that forgets what was not used lately: two generations, of which the older one is dropped whole.
///
/// Holds at most twice `capacity` entries; look-up and insertion take constant time.
struct GenerationCache<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    private var young: [Key: Value] = [:]
    private var old: [Key: Value] = [:]
    private let capacity: Int

    init(capacity: Int) { self.capacity = capacity }

    /// Looks up, stores or, with `nil`, removes a value.
    subscript(_ key: Key) -> Value? {
        mutating get {
            if let value = self.young[key] { return value }
            guard let value = self.old.removeValue(forKey: key) else { return nil }
            self[key] = value
            return value
        }
        set {
            self.old[key] = nil
            self.young[key] = newValue
            if self.young.count > self.capacity {
                self.old = self.young
                self.young = [:]
            }
        }
    }

    /// How many entries there are.
    var count: Int { self.young.count + self.old.count }

    /// Removes every entry that `isGone` names.
    mutating func removeAll(where isGone: (Key, Value) -> Bool) {
        self.young = self.young.filter { !isGone($0.key, $0.value) }
        self.old = self.old.filter { !isGone($0.key, $0.value) }
    }
}
