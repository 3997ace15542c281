#include "cpu/interruption.h"

namespace alignops {
namespace {

SignalCheck check = nullptr;
std::thread::id watched;

}  // namespace

SignalCheck signal_check() { return std::this_thread::get_id() == watched ? check : nullptr; }

}  // namespace alignops

/// Make long calls of the calling thread check for signals from now on. Call it before any op runs
/// in another thread.
extern "C" [[gnu::visibility("default")]] void alignops_watch_signals(alignops::SignalCheck check) {
  alignops::check = check;
  alignops::watched = std::this_thread::get_id();
}
