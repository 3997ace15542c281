// What ends an op before its result is there: a thread that fails, or the user's Ctrl-C.
#pragma once

#include <atomic>
#include <chrono>
#include <exception>
#include <thread>
#include <utility>

namespace alignops {

/// Runs the handlers of signals that have arrived, and throws what one of them raises.
using SignalCheck = void (*)();

/// The check of the calling thread: null but on the one that alignops_watch_signals names.
SignalCheck signal_check();

/// Checks for signals now and then, where the thread that makes it has a check.
class SignalWatch {
  using Clock = std::chrono::steady_clock;

 public:
  SignalWatch() : check_(signal_check()), thread_(std::this_thread::get_id()) {}

  void poll() {
    if (!check_ || std::this_thread::get_id() != thread_ || Clock::now() < next_) return;
    check_();
    next_ = Clock::now() + kInterval;
  }

 private:
  // Python's lock is taken for a check, for which another thread may let wait 5 ms.
  static constexpr std::chrono::milliseconds kInterval{200};
  const SignalCheck check_;
  const std::thread::id thread_;
  Clock::time_point next_ = Clock::now() + kInterval;
};

/// Threads that work on something together. When one of them throws, the others end at their next
/// poll, and the one that has them work throws the same.
class Team {
 public:
  explicit Team(SignalWatch& watch) : watch_(watch) {}

  /// Call work(), as one of the team.
  template <class Work>
  void take_part(const Work& work) {
    Team* const outer = std::exchange(own_, this);
    try {
      work();
    } catch (const Ended&) {
    } catch (...) {
      if (!ended_.exchange(true)) error_ = std::current_exception();
    }
    own_ = outer;
  }

  /// To be called when nobody takes part any longer.
  void rethrow() const {
    if (error_) std::rethrow_exception(error_);
  }

  /// To be called now and then by whoever takes part. Out of line, to leave a loop its registers.
  [[gnu::noinline]] static void poll() {
    if (!own_) return;
    if (own_->ended_.load(std::memory_order_relaxed)) throw Ended{};
    own_->watch_.poll();
  }

 private:
  struct Ended {};
  static inline thread_local Team* own_ = nullptr;  // of the calling thread
  SignalWatch& watch_;
  std::atomic<bool> ended_{false};
  std::exception_ptr error_;
};

}  // namespace alignops
