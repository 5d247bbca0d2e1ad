#include "server/http/router.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace headrace::http {
namespace {

Task<Outcome<Answered>> nothing(Call) {
  co_return Answered();
}

Router a_router() {
  Router router;
  router.add({"GET", "/v1/read/{policy}/{entity}", Route::read, "", nothing});
  router.add({"GET", "/v1/read/{policy}/{entity}/exists", Route::other, "", nothing});
  router.add({"GET", "/v1/things", Route::policies, "", nothing});
  router.add({"PATCH", "/v1/things", Route::policies, "", nothing});
  router.add({"GET", "/v1/kv/{ns}/{key}", Route::kv, "", nothing, Router::LastIs::bytes});
  router.add({"GET", "/", Route::other, "", nothing});
  return router;
}

std::string problem_in(std::string_view method, std::string_view path) {
  static const Router router = a_router();
  const auto found = router.find(method, path);
  return found ? "" : std::string(found.error().code);
}

TEST(Router, ASlashInAnEntityIsNoSegment) {
  const Router router = a_router();
  EXPECT_EQ(router.find("GET", "/v1/read/p/a%2Fexists").value().captures,
            (std::vector<std::string>{"p", "a/exists"}));
  const auto exists = router.find("GET", "/v1/read/p/a/exists").value();
  EXPECT_EQ(exists.entry->route, Route::other);
  EXPECT_EQ(exists.captures, (std::vector<std::string>{"p", "a"}));
}

TEST(Router, AKeyIsBytesAndItsNamespaceIsText) {
  const Router router = a_router();
  EXPECT_EQ(router.find("GET", "/v1/kv/a/%FF%00%2F").value().captures,
            (std::vector<std::string>{"a", std::string("\xff\0/", 3)}));
  EXPECT_EQ(problem_in("GET", "/v1/kv/%FF/a"), "bad-request");
  EXPECT_EQ(problem_in("GET", "/v1/kv/a/%F"), "bad-request");
}

TEST(Router, DotsAreOrdinaryText) {
  const Router router = a_router();
  EXPECT_EQ(router.find("GET", "/v1/read/p/..").value().captures[1], "..");
  EXPECT_EQ(router.find("GET", "/v1/read/p/+%2B").value().captures[1], "++");
}

TEST(Router, HeadIsServedByGet) {
  EXPECT_EQ(problem_in("HEAD", "/v1/things"), "");
  EXPECT_EQ(problem_in("GET", "/"), "");
}

TEST(Router, AnUnknownMethodIsToldTheOthers) {
  const Router router = a_router();
  const auto found = router.find("DELETE", "/v1/things");
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().code, "method-not-allowed");
  EXPECT_EQ(wire::header_of(found.error().headers, "allow"), "GET, HEAD, PATCH");
  EXPECT_EQ(problem_in("get", "/v1/things"), "method-not-allowed") << "methods have one spelling";
}

TEST(Router, WhatFitsNoPatternIsNoRoute) {
  for (const std::string_view path : {"", "*", "v1/things", "/v1", "/v1/things/", "/v1//things",
                                      "/V1/things", "/v1/read/p/a/b", "/v1/read/p", "//"}) {
    EXPECT_EQ(problem_in("GET", path), "no-such-route") << path;
  }
}

TEST(Router, BadEscapesAndBytesAreRefused) {
  for (const std::string_view path :
       {"/v1/read/p/%", "/v1/read/p/%4", "/v1/read/p/%zz", "/v1/read/%/a", "/v1/read/p/%ff",
        "/v1/read/p/%c0%af", "/v1/read/p/%ed%a0%80"}) {
    EXPECT_EQ(problem_in("GET", path), "bad-request") << path;
  }
}

}  // namespace
}  // namespace headrace::http
