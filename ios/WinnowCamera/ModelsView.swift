// SPDX-License-Identifier: Apache-2.0
import SwiftUI

/// Which engine judges, and the files: the gate, the gate as a Core ML model, the main model.
struct ModelsView: View {
    @ObservedObject var model: CameraModel
    @State private var picking = false
    @State private var slot = ModelSlot.gate
    @Environment(\.dismiss) private var dismiss

    var body: some View {
        NavigationStack {
            Form {
                Section(word("engine")) {
                    Picker(word("engine"), selection: Binding(get: { model.judging }, set: { model.engine = $0 })) {
                        ForEach(EngineKind.allCases) { Text($0.name).tag($0) }
                    }
                    .pickerStyle(.segmented)
                    .disabled(model.loaded.count < 2)
                }
                Section {
                    ForEach(ModelSlot.allCases) { row($0) }
                } footer: {
                    Text(word("modelsHelp"))
                }
                if let error = model.fileError {
                    Text(error).foregroundStyle(.red)
                }
            }
            .navigationTitle(word("models"))
            .toolbar {
                ToolbarItem(placement: .confirmationAction) {
                    Button(word("back")) { dismiss() }
                }
            }
            .overlay { if model.busy { ProgressView(word("loading")) } }
        }
        .fileImporter(isPresented: $picking, allowedContentTypes: slot.types) { result in
            switch result {
            case .success(let url): Task { await model.open(url, as: slot) }
            case .failure(let failure): model.tell(failure)
            }
        }
    }

    private func row(_ slot: ModelSlot) -> some View {
        HStack {
            VStack(alignment: .leading) {
                Text(slot.title)
                Text(slot.existing == nil ? word("nothing") : slot.chosenName ?? slot.rawValue)
                    .font(.caption)
                    .foregroundStyle(.secondary)
            }
            Spacer()
            Button(word("open")) {
                self.slot = slot
                picking = true
            }
        }
        .buttonStyle(.borderless)
        .disabled(model.busy)
        .accessibilityElement(children: .combine)
        .swipeActions {
            if slot.chosenName != nil {
                Button(word("forget"), role: .destructive) { Task { await model.forget(slot) } }
            }
        }
    }
}
