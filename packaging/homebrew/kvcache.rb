# Builds kvcache from source on macOS. scripts/tap fills in what is between @ signs and writes it where a tap has it (README.md):
#   brew install OWNER/tap/kvcache
class Kvcache < Formula
  desc "Inspects, verifies, converts and edits prompt-cache files of MLX runtimes"
  url "@URL@"
  version "@VERSION@"
  sha256 "@SHA256@"
  license "Apache-2.0"

  depends_on "cli11" => :build
  depends_on "cmake" => :build
  depends_on "highway" => :build
  depends_on "ninja" => :build
  depends_on "nlohmann-json" => :build
  depends_on "fmt"
  depends_on "utf8proc"

  uses_from_macos "zlib"

  def install
    system "cmake", "-S", ".", "-B", "build", "-G", "Ninja", "-DKVCACHE_TESTS=OFF", "-DKVCACHE_WERROR=OFF", *std_cmake_args
    system "cmake", "--build", "build"
    system "cmake", "--install", "build"
  end

  test do
    system bin/"kvcache", "create", "--layers", "2", "--heads", "2", "--head-dim", "32", "--tokens", "40", "-o", "made.safetensors"
    assert_match "ok (", shell_output("#{bin}/kvcache verify --data made.safetensors")
  end
end
