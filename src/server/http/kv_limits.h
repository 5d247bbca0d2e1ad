// server/http/kv_limits.h: what the key-value routes allow.
//
// Threads:   values.
// Errors:    none.
// Lifetimes: values.
#pragma once

#include <chrono>
#include <cstddef>

#include "headrace/time.h"

namespace headrace::http {

struct KvLimits {
  Duration ttl_default = std::chrono::days(30);  // Of a value whose writer names none.
  Duration ttl_max = std::chrono::days(365);     // Of one whose writer does; "none" is none.
  std::size_t batch_ops_max = 1000;
  std::size_t batch_answer_bytes_max = 64 << 20;
  std::size_t page_keys_max = 1000;
  std::size_t json_depth_max = 64;
};

}  // namespace headrace::http
