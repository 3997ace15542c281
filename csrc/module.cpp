// alignops._C: build information, CPU capability, and Python's signals. Independent of torch.
#include <pybind11/pybind11.h>

#include <cstdint>
#include <string>

namespace {

/// The widest instruction set of this CPU for which the library has a variant.
std::string cpu_capability() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                    __builtin_cpu_supports("f16c");
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
  if (avx2 && avx512) return "avx512";
  if (avx2) return "avx2";
#endif
  return "default";
}

pybind11::dict build_info() {
  pybind11::dict info;
  info["compiler"] = ALIGNOPS_COMPILER;
  info["torch"] = ALIGNOPS_TORCH_VERSION;
  info["cuda"] = static_cast<bool>(ALIGNOPS_CUDA);
  return info;
}

/// Run the handlers of pending signals; throws what a handler raises. Call it without Python's
/// lock.
void check_signals() {
  const pybind11::gil_scoped_acquire lock;
  if (PyErr_CheckSignals() != 0) throw pybind11::error_already_set();
}

}  // namespace

PYBIND11_MODULE(_C, m) {
  m.doc() = "Build information of the compiled library, CPU capability, Python's signals.";
  m.def("build_info", &build_info,
        "Compiler, torch version built against, and whether CUDA kernels are in.");
  m.def("cpu_capability", &cpu_capability, "avx512, avx2 or default.");
  m.def(
      "signal_check", [] { return reinterpret_cast<uintptr_t>(&check_signals); },
      "Address of the C++ function that runs the handlers of pending signals.");
}
