// kit/firestore_proxy.h: a gRPC proxy in front of a Firestore that counts what passes through it.
//
// It counts by itself, from the messages that it forwards, and from these what Firestore bills.
// It can answer later than Firestore does, hold calls until it is told to go on, fail them, and let
// Firestore's time pass without waiting, as far as documents in batches and commits show it.
#pragma once

#include <google/firestore/v1/firestore.grpc.pb.h>
#include <grpcpp/server.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace headrace::kit {

class FirestoreProxy {
 public:
  struct Options {
    std::string listen = "127.0.0.1:0";
    std::string upstream{};
    // Added to each call that reads, evenly spread.
    std::chrono::microseconds latency_min{0};
    std::chrono::microseconds latency_max{0};
  };
  struct Counts {
    std::map<std::string, std::uint64_t> calls{};  // By method; those that failed too.
    std::uint64_t failed = 0;                      // Calls that ended with an error.
    std::uint64_t documents_asked = 0;             // Named by BatchGetDocuments and GetDocument.
    std::uint64_t found = 0;                       // Documents that were sent back.
    std::uint64_t missing = 0;
    std::uint64_t empty_queries = 0;
    // What Firestore charges for it.
    std::uint64_t reads = 0;
    std::uint64_t writes = 0;
    std::uint64_t deletes = 0;

    [[nodiscard]] std::string json() const;  // One line.
  };
  enum class At : unsigned char {
    request,  // Before Firestore is asked.
    answer,   // After it has answered.
  };

  FirestoreProxy();
  // Null if it cannot listen there.
  [[nodiscard]] static std::unique_ptr<FirestoreProxy> start(Options options);
  ~FirestoreProxy();
  FirestoreProxy(const FirestoreProxy&) = delete;
  FirestoreProxy& operator=(const FirestoreProxy&) = delete;

  // "127.0.0.1:8080"
  [[nodiscard]] std::string address() const;
  [[nodiscard]] Counts counts() const;
  void reset_counts();

  // Holds the calls of `method` that come from now on, until release().
  void hold(const std::string& method, At at);
  // Waits until `calls` are held; false if that takes too long.
  [[nodiscard]] bool wait_held(std::size_t calls) const;
  void release();

  // The next `times` calls of `method` fail with `status`: before Firestore is asked, or after it
  // has done what it was asked for, as when an answer is lost on its way.  What is told later
  // happens to the calls behind these.
  void fail_next(const std::string& method, std::size_t times, grpc::Status status,
                 At at = At::request);

  // Lets `time` pass between what has been answered and what will be.  REQUIRES: no call is under
  // way.
  void advance(std::chrono::microseconds time);

  // The last request of its kind, and what `name` said in the metadata of the last call.
  [[nodiscard]] google::firestore::v1::BatchGetDocumentsRequest last_batch() const;
  [[nodiscard]] google::firestore::v1::RunQueryRequest last_query() const;
  [[nodiscard]] std::string last_metadata(const std::string& name) const;

 private:
  class Service;

  std::unique_ptr<Service> service_;
  std::unique_ptr<grpc::Server> server_;
  std::string host_;
  int port_ = 0;
};

}  // namespace headrace::kit
