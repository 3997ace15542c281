// alignops._C: what the compiled library is and what this CPU can run. Knows no torch.
#include <pybind11/pybind11.h>

#include <string>

namespace {

/// The widest instruction set of this CPU that a variant of the library is compiled for.
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

}  // namespace

PYBIND11_MODULE(_C, m) {
  m.doc() = "Build information and CPU capability of the compiled library.";
  m.def("build_info", &build_info,
        "Compiler, torch version built against, and whether CUDA kernels are in.");
  m.def("cpu_capability", &cpu_capability, "avx512, avx2 or default.");
}
