// SPDX-License-Identifier: Apache-2.0
import CoreML
import UniformTypeIdentifiers
import Winnow

/// The models that were chosen in the app, kept in Application Support: opened once, they are there at the next start. A gate.safetensors in
/// the app's bundle is used until another is chosen.
enum ModelSlot: String, CaseIterable, Identifiable, Sendable {
    case gate = "gate.safetensors"
    case coreMLGate = "gate.mlmodelc"
    case main = "main.mlmodelc"

    var id: Self { self }

    var title: String {
        switch self {
        case .gate: return word("slotGate")
        case .coreMLGate: return word("slotCoreMLGate")
        case .main: return word("slotMain")
        }
    }

    /// By the identifiers that project.yml declares, and by those that other apps may have declared for the same suffixes.
    var types: [UTType] {
        switch self {
        case .gate:
            return [UTType(importedAs: "org.winnow.safetensors")] + ["safetensors"].compactMap { UTType(filenameExtension: $0) }
        case .coreMLGate, .main:
            return [UTType(importedAs: "com.apple.coreml.model"), UTType(importedAs: "com.apple.coreml.mlpackage"), .package]
                + ["mlmodel", "mlpackage"].compactMap { UTType(filenameExtension: $0) }
        }
    }

    /// The name of the file that was chosen.
    var chosenName: String? {
        UserDefaults.standard.string(forKey: "name." + rawValue)
    }

    var existing: URL? {
        let bundled = self == .gate ? Bundle.main.url(forResource: "gate", withExtension: "safetensors") : nil
        guard let file = try? place(), FileManager.default.fileExists(atPath: file.path) else { return bundled }
        return file
    }

    /// Takes a file that the user has picked; Core ML models are compiled here. A file that is refused changes nothing.
    func take(_ picked: URL) async throws {
        let guarded = picked.startAccessingSecurityScopedResource()
        defer { if guarded { picked.stopAccessingSecurityScopedResource() } }
        let files = FileManager.default
        let fresh: URL
        switch self {
        case .gate:
            fresh = files.temporaryDirectory.appendingPathComponent(UUID().uuidString)
            try files.copyItem(at: picked, to: fresh)
        case .coreMLGate, .main:
            fresh = try await MLModel.compileModel(at: picked)
        }
        defer { try? files.removeItem(at: fresh) }  // it is still there where it was refused
        switch self {
        case .gate: _ = try Gate(contentsOf: fresh)
        case .coreMLGate: _ = try CoreMLEngine(compiled: fresh)
        case .main: _ = try MainModel(compiled: fresh)
        }
        let home = try place()
        if files.fileExists(atPath: home.path) {
            _ = try files.replaceItemAt(home, withItemAt: fresh)  // a failure leaves the old one
        } else {
            try files.moveItem(at: fresh, to: home)
        }
        UserDefaults.standard.set(picked.lastPathComponent, forKey: "name." + rawValue)
    }

    func forget() throws {
        let file = try place()
        if FileManager.default.fileExists(atPath: file.path) { try FileManager.default.removeItem(at: file) }
        UserDefaults.standard.removeObject(forKey: "name." + rawValue)
    }

    private func place() throws -> URL {
        try FileManager.default
            .url(for: .applicationSupportDirectory, in: .userDomainMask, appropriateFor: nil, create: true)
            .appendingPathComponent(rawValue)
    }
}
