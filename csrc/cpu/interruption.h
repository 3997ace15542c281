// Early ends of an op: a thread that throws, or the user's Ctrl-C.
#pragma once

#include <atomic>
#include <chrono>
#include <exception>
#include <thread>
#include <utility>

namespace alignops {

/// Runs the handlers of pending signals, and throws what a handler raises.
using SignalCheck = void (*)();

/// The check of the calling thread; null except on the thread that called alignops_watch_signals.
SignalCheck signal_check();

/// Checks for signals now and then, if the thread that creates it has a check.
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
  // A check takes Python's lock, which another thread may hold for 5 ms.
  static constexpr std::chrono::milliseconds kInterval{200};
  const SignalCheck check_;
  const std::thread::id thread_;
  Clock::time_point next_ = Clock::now() + kInterval;
};

/// Threads that share one piece of work. When one throws, the others end at their next poll, and
/// rethrow() throws the same exception.
class Team {
 public:
  explicit Team(SignalWatch& watch) : watch_(watch) {}

  /// Call work() as a member of the team.
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

  /// Throw the first exception, if any. Call it after all members have finished.
  void rethrow() const {
    if (error_) std::rethrow_exception(error_);
  }

  /// Called now and then by each member. Out of line, to leave a loop its registers.
  [[gnu::noinline]] static void poll() {
    if (!own_) return;
    if (own_->ended_.load(std::memory_order_relaxed)) throw Ended{};
    own_->watch_.poll();
  }

 private:
  struct Ended {};
  static inline thread_local Team* own_ = nullptr;  // the calling thread's team
  SignalWatch& watch_;
  std::atomic<bool> ended_{false};
  std::exception_ptr error_;
};

}  // namespace alignops
