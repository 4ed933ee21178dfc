// swift-tools-version:5.7
// SPDX-License-Identifier: Apache-2.0
// The Swift package `Winnow`; it stands at the root because a package's targets may not lie outside of its folder, and the C target is
// src/runtime itself. A package has one set of flags for all files of a target: of Intel's kernels only the baseline; ARM's need no flags.
import PackageDescription

let package = Package(
    name: "winnow",
    platforms: [.iOS(.v15), .macOS(.v12)],
    products: [.library(name: "Winnow", targets: ["Winnow"])],
    targets: [
        .target(
            name: "CWinnow",
            path: "src/runtime",
            exclude: [
                "meson.build", "kernels/meson.build", "kernels/avx2.c", "kernels/avx512.c", "kernels/avx512vnni.c",
                "kernels/avx512bf16.c",
            ],
            publicHeadersPath: "module",
            cSettings: [
                .headerSearchPath("../../include"),
                .headerSearchPath(".."),
                .define("_GNU_SOURCE"),
                .define("WN_BASELINE_ALONE"),
            ],
            linkerSettings: [.linkedLibrary("m", .when(platforms: [.linux]))]
        ),
        .target(name: "Winnow", dependencies: ["CWinnow"], path: "ios/Sources/Winnow"),
        .testTarget(name: "WinnowTests", dependencies: ["Winnow"], path: "ios/Tests/WinnowTests"),
    ],
    cLanguageStandard: .gnu11
)
