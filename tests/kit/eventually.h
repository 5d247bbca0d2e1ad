// kit/eventually.h: waiting for what other threads will bring about.
#pragma once

#include <chrono>
#include <thread>

namespace headrace::kit {

// Polls until `holds`, for as long as a slow machine may need; false if it never did.
template <class F>
bool eventually(F holds, std::chrono::steady_clock::duration within = std::chrono::seconds(20)) {
  const auto deadline = std::chrono::steady_clock::now() + within;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::yield();
  }
  return true;
}

}  // namespace headrace::kit
