// session/fixture.h: for tests: sessions over plain records, in virtual time.
//
// Threads: one.  Errors: fails the test.  Lifetimes: values.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "headrace/keyspace.h"
#include "kit/plain_records.h"
#include "kit/world.h"
#include "session/sessions.h"
#include "session/subject.h"

namespace headrace::session {

using namespace std::chrono_literals;

class SessionsTest : public testing::Test {
 protected:
  // A handle that is told from others by its first letter.
  static std::string handle(char letter) { return std::string(handle_bytes, letter); }

  Told create(char letter, Fields fields = {}, std::string subject = "") {
    Beginning beginning;
    beginning.handle = handle(letter);
    beginning.fields = std::move(fields);
    beginning.subject = std::move(subject);
    return run(sessions.create(place, std::move(beginning)));
  }
  Told read(char letter, Sessions::Touch touch = Sessions::Touch::no) {
    return run(sessions.read(place, handle(letter), touch));
  }
  Told merge(char letter, std::string_view patch, Sessions::Expected expected = {}) {
    auto made = patch_of(patch);
    EXPECT_TRUE(made) << made.error().what;
    return run(sessions.merge(place, handle(letter), *std::move(made), std::move(expected)));
  }
  Told replace(char letter, Fields fields, Sessions::Expected expected = {}) {
    return run(sessions.replace(place, handle(letter), std::move(fields), std::move(expected)));
  }
  Fate touch(char letter) { return run(sessions.touch(place, handle(letter))).fate; }
  Fate destroy(char letter) { return run(sessions.destroy(place, handle(letter))); }
  Told rotate(char from, char to, Duration grace = 10s,
              std::optional<std::string> subject = std::nullopt) {
    Rotation rotation;
    rotation.new_handle = handle(to);
    rotation.grace = grace;
    rotation.subject = std::move(subject);
    return run(sessions.rotate(place, handle(from), std::move(rotation)));
  }
  std::size_t revoke(const std::string& subject, const std::string& except = "") {
    return run(sessions.revoke(place, subject, except));
  }
  // The first letters of a subject's sessions.
  std::string list(const std::string& subject) {
    std::string letters;
    for (const auto& listed : run(sessions.list(place, subject))) letters += listed.handle[0];
    return letters;
  }

  template <class T>
  T run(Task<Result<T>> task) {
    Result<T> outcome = world.run(std::move(task)).value();
    EXPECT_TRUE(outcome) << outcome.error().what;
    return outcome ? *std::move(outcome) : T{};
  }

  kit::World world;
  kit::PlainRecords records;
  Keyspace keyspace{{}, {.records = records, .clock = world, .executor = world}};
  Sessions sessions{keyspace};
  Place place{.tenant = 7, .app = "web"};
};

}  // namespace headrace::session
