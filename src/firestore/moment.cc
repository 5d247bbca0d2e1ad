#include "firestore/moment.h"

#include <google/protobuf/util/time_util.h>

#include <cstdint>

namespace headrace::firestore {

using std::chrono::microseconds;

Moment moment_of(const google::protobuf::Timestamp& time) {
  return Moment(std::chrono::seconds(time.seconds()) + microseconds(time.nanos() / 1000));
}

google::protobuf::Timestamp timestamp_of(Moment moment) {
  const auto whole = std::chrono::floor<std::chrono::seconds>(moment);
  google::protobuf::Timestamp time;
  time.set_seconds(whole.time_since_epoch().count());
  time.set_nanos(static_cast<std::int32_t>((moment - whole).count() * 1000));
  return time;
}

std::string text_of(Moment moment) {
  return google::protobuf::util::TimeUtil::ToString(timestamp_of(moment));
}

}  // namespace headrace::firestore
