// SPDX-License-Identifier: Apache-2.0
import CWinnow
import Foundation

/// What the library refused: one line that says what, where and what to do.
public struct WinnowError: LocalizedError, Equatable, Sendable {
    public enum Code: UInt32, Sendable {
        case argument = 1, io, format, unsupported, data, memory, `internal`
    }

    public let code: Code
    public let message: String
    /// The byte position in a file, where that has a meaning.
    public let position: Int64?

    public var errorDescription: String? { message }

    init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
        position = nil
    }

    init(_ error: winnow_error) {
        code = Code(rawValue: UInt32(error.code.rawValue)) ?? .internal
        message = withUnsafeBytes(of: error.message) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        position = error.where < 0 ? nil : error.where
    }
}

/// Calls a function of winnow.h and throws what it says.
func check(_ call: (UnsafeMutablePointer<winnow_error>) -> winnow_status) throws {
    var error = winnow_error()
    if call(&error) != WINNOW_OK { throw WinnowError(error) }
}
