// Credentials over TLS: a server of ours, its certificate, and a service account whose key the test
// makes, so that it can check what was signed.
#include "firestore/credentials.h"

#include <gmock/gmock.h>
#include <google/firestore/v1/firestore.grpc.pb.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include <memory>
#include <mutex>
#include <string>

#include "headrace/runtime.h"
#include "headrace/sources/firestore.h"
#include "headrace/sync.h"
#include "kit/folder.h"
#include "sources/firestore/value_json.h"
#include "wire/uri.h"

// gRPC hands its TLS from thread to thread under locks of its own, and the thread sanitizer sees
// only OpenSSL's buffers.  Silenced in this program alone: elsewhere we lock OpenSSL ourselves.
extern "C" const char* __tsan_default_suppressions();
extern "C" const char* __tsan_default_suppressions() {
  return "race:libcrypto.so\nrace:libssl.so\n";
}

namespace headrace {
namespace {

namespace api = google::firestore::v1;
using std::chrono::seconds;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

template <class F>
std::string pem(F write) {
  const std::unique_ptr<BIO, decltype(&BIO_free)> to(BIO_new(BIO_s_mem()), BIO_free);
  write(to.get());
  const char* text = nullptr;
  const long size = BIO_get_mem_data(to.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

std::string private_pem(EVP_PKEY* key) {
  return pem([key](BIO* to) {
    PEM_write_bio_PKCS8PrivateKey(to, key, nullptr, nullptr, 0, nullptr, nullptr);
  });
}

// A certificate for "localhost", signed by an authority whose key is `authority`.
struct Certificate {
  explicit Certificate(const std::string& name, EVP_PKEY* own, EVP_PKEY* signer,
                       const std::string& issuer, bool is_authority) {
    const std::unique_ptr<X509, decltype(&X509_free)> cert(X509_new(), X509_free);
    X509_set_version(cert.get(), 2);
    ASN1_INTEGER_set(X509_get_serialNumber(cert.get()), is_authority ? 1 : 2);
    X509_gmtime_adj(X509_getm_notBefore(cert.get()), -3600);
    X509_gmtime_adj(X509_getm_notAfter(cert.get()), 3600);
    X509_set_pubkey(cert.get(), own);
    set_name(X509_get_subject_name(cert.get()), name);
    set_name(X509_get_issuer_name(cert.get()), issuer);
    extend(cert.get(), NID_basic_constraints, is_authority ? "critical,CA:TRUE" : "CA:FALSE");
    if (!is_authority) extend(cert.get(), NID_subject_alt_name, "DNS:localhost");
    X509_sign(cert.get(), signer, EVP_sha256());
    text = pem([&cert](BIO* to) { PEM_write_bio_X509(to, cert.get()); });
  }

  std::string text;

 private:
  static void set_name(X509_NAME* to, const std::string& name) {
    X509_NAME_add_entry_by_txt(to, "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  }
  static void extend(X509* cert, int nid, const char* value) {
    X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value);
    X509_add_ext(cert, extension, -1);
    X509_EXTENSION_free(extension);
  }
};

// A Firestore in which nothing is, that notes who asks.
class EmptyFirestore final : public api::Firestore::Service {
 public:
  grpc::Status BatchGetDocuments(
      grpc::ServerContext* context, const api::BatchGetDocumentsRequest* request,
      grpc::ServerWriter<api::BatchGetDocumentsResponse>* writer) override {
    {
      const std::lock_guard lock(mutex_);
      for (const auto& [name, value] : context->client_metadata()) {
        metadata_[std::string(name.data(), name.size())] = {value.data(), value.size()};
      }
    }
    for (const std::string& name : request->documents()) {
      api::BatchGetDocumentsResponse response;
      response.set_missing(name);
      writer->Write(response);
    }
    return {};
  }
  std::string metadata(const std::string& name) {
    const std::lock_guard lock(mutex_);
    return metadata_[name];
  }

 private:
  std::mutex mutex_;
  std::map<std::string, std::string> metadata_;
};

class FirestoreCredentials : public testing::Test {
 protected:
  FirestoreCredentials() {
    grpc::SslServerCredentialsOptions tls;
    tls.pem_key_cert_pairs.push_back({private_pem(server_key_.get()), certificate_.text});
    grpc::ServerBuilder builder;
    builder.AddListeningPort("localhost:0", grpc::SslServerCredentials(tls), &port_);
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
  }

  static std::string quoted(const std::string& text) {
    std::string json;
    firestore::append_json_string(json, text);
    return json;
  }
  std::string account(const std::string& more = "") {
    return folder_.write("account.json",
                         R"({"type":"service_account","project_id":"p","private_key_id":"k1",)"
                         R"("client_email":"h@p.iam.gserviceaccount.com","client_id":"1",)"
                         R"("token_uri":"https://localhost/token","private_key":)" +
                             quoted(private_pem(account_key_.get())) + more + "}");
  }
  FirestoreDatabaseOptions options() {
    return {.project = "p",
            .endpoint = "localhost:" + std::to_string(port_),
            .credentials_file = account(),
            .ca_file = folder_.write("ca.pem", authority_.text),
            .channels = 1,
            .tries_max = 2};
  }
  Result<Fetched> read(const FirestoreDatabaseOptions& options) {
    auto database = open_firestore_database(options, runtime_, runtime_, runtime_);
    if (!database) return std::unexpected(database.error());
    const auto source = ask_firestore(*database, {.collection = "users", .fields = {"name"}});
    const Fetch fetch{.entity = "7", .deadline = runtime_.now() + seconds(20)};
    return wait((*source)->fetch(fetch));
  }
  std::string fault_of(const std::string& json) {
    auto wrong = options();
    wrong.credentials_file = folder_.write("wrong.json", json);
    const auto database = open_firestore_database(wrong, runtime_, runtime_, runtime_);
    if (database) return "no fault";
    EXPECT_EQ(database.error().code, Code::invalid_argument);
    return database.error().what;
  }
  bool is_signed(std::string_view what, const std::string& signature) {
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                          EVP_MD_CTX_free);
    const auto bytes = [](std::string_view text) {
      return reinterpret_cast<const unsigned char*>(text.data());
    };
    EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, account_key_.get());
    return EVP_DigestVerify(context.get(), bytes(signature), signature.size(), bytes(what),
                            what.size()) == 1;
  }

  const Key authority_key_{EVP_EC_gen("P-256"), EVP_PKEY_free};
  const Key server_key_{EVP_EC_gen("P-256"), EVP_PKEY_free};
  const Key account_key_{EVP_RSA_gen(2048), EVP_PKEY_free};
  const Certificate authority_{"a test", authority_key_.get(), authority_key_.get(), "a test",
                               true};
  const Certificate certificate_{"localhost", server_key_.get(), authority_key_.get(), "a test",
                                 false};
  kit::TemporaryFolder folder_;
  Runtime runtime_{{.threads = 2}};
  EmptyFirestore service_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
};

TEST_F(FirestoreCredentials, AServiceAccountSignsItsOwnTokens) {
  const Result<Fetched> answer = read(options());
  ASSERT_TRUE(answer.has_value()) << answer.error().what;
  EXPECT_EQ(answer->kind, Kind::absent);
  const std::string header = service_.metadata("authorization");
  ASSERT_TRUE(header.starts_with("Bearer ")) << header;
  const std::string_view token = std::string_view(header).substr(7);
  const std::size_t first = token.find('.');
  const std::size_t second = token.rfind('.');
  ASSERT_LT(first, second);
  const std::string claims =
      wire::base64url_decode(token.substr(first + 1, second - first - 1)).value_or("not decoded");
  EXPECT_THAT(claims, AllOf(HasSubstr("h@p.iam.gserviceaccount.com"),
                            HasSubstr("\"aud\":\"https://localhost:"), HasSubstr("\"exp\"")));
  EXPECT_THAT(wire::base64url_decode(token.substr(0, first)).value_or(""),
              AllOf(HasSubstr("RS256"), HasSubstr("k1")));
  const std::string signature = wire::base64url_decode(token.substr(second + 1)).value_or("");
  EXPECT_TRUE(is_signed(token.substr(0, second), signature));
  EXPECT_FALSE(is_signed("something else", signature));
  EXPECT_EQ(service_.metadata("google-cloud-resource-prefix"), "projects/p/databases/(default)");
  EXPECT_EQ(service_.metadata("x-goog-user-project"), "");
}

TEST_F(FirestoreCredentials, AQuotaProjectIsNamed) {
  auto paid = options();
  paid.credentials_file = account(R"(,"quota_project_id":"payer")");
  EXPECT_TRUE(read(paid).has_value());
  EXPECT_EQ(service_.metadata("x-goog-user-project"), "payer");
}

TEST_F(FirestoreCredentials, AServerThatNobodyVouchesForIsNotAsked) {
  auto trusting = options();
  trusting.ca_file.clear();  // The system's own.
  const Result<Fetched> answer = read(trusting);
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().code, Code::source_unavailable);
  EXPECT_EQ(service_.metadata("authorization"), "");
}

TEST_F(FirestoreCredentials, FilesThatCannotBeUsedAreToldAtOnceAndWithoutWhatIsInThem) {
  EXPECT_THAT(fault_of("secret"), AllOf(HasSubstr("wrong.json"), Not(HasSubstr("secret"))));
  EXPECT_THAT(fault_of(R"({"type":"secret"})"),
              AllOf(HasSubstr("no known \"type\""), Not(HasSubstr("secret"))));
  EXPECT_THAT(fault_of(R"({"type":"service_account","private_key":"secret"})"),
              AllOf(HasSubstr("no usable key"), Not(HasSubstr("secret"))));
  EXPECT_THAT(fault_of(R"({"type":"authorized_user"})"), HasSubstr("no usable key"));
  EXPECT_THAT(fault_of(""), HasSubstr("empty"));
  for (const std::string payer : {"pay er", "\\n", "zähler"}) {
    EXPECT_THAT(fault_of(R"({"type":"authorized_user","client_id":"a","client_secret":"b",)"
                         R"("refresh_token":"c","quota_project_id":")" +
                         payer + "\"}"),
                AllOf(HasSubstr("\"quota_project_id\""), Not(HasSubstr(payer))));
  }
  EXPECT_EQ(fault_of(R"({"type":"authorized_user","client_id":"a","client_secret":"b",)"
                     R"("refresh_token":"c"})"),
            "no fault");
  auto missing = options();
  for (const std::string& no_file : {folder_.file("nowhere.json"), folder_.path().string()}) {
    missing.credentials_file = no_file;
    EXPECT_EQ(read(missing).error().code, Code::invalid_argument);
  }
  auto untrusting = options();
  untrusting.ca_file = folder_.file("nowhere.pem");
  EXPECT_THAT(read(untrusting).error().what, HasSubstr("ca_file"));
}

TEST_F(FirestoreCredentials, OptionsAreChecked) {
  const auto fault = [this](auto change) {
    auto changed = options();
    change(changed);
    const auto database = open_firestore_database(changed, runtime_, runtime_, runtime_);
    return database ? "no fault" : database.error().what;
  };
  EXPECT_THAT(fault([](auto& o) { o.project.clear(); }), HasSubstr("project"));
  EXPECT_THAT(fault([](auto& o) { o.project = "a/b"; }), HasSubstr("project"));
  EXPECT_THAT(fault([](auto& o) { o.database.clear(); }), HasSubstr("database"));
  // gRPC would end the program over these.
  for (const std::string wrong : {"a b", "a\nb", "münchen", "a\x7f", " a"}) {
    EXPECT_THAT(fault([&wrong](auto& o) { o.project = wrong; }),
                AllOf(HasSubstr("project: "), HasSubstr("printable ASCII")));
    EXPECT_THAT(fault([&wrong](auto& o) { o.database = wrong; }),
                AllOf(HasSubstr("database: "), HasSubstr("printable ASCII")));
  }
  EXPECT_EQ(fault([](auto& o) { o.project = "example.com:a-1_~!"; }), "no fault");
  EXPECT_THAT(fault([](auto& o) { o.emulator = "localhost"; }), HasSubstr("host:port"));
  EXPECT_THAT(fault([](auto& o) { o.endpoint = "https://x:1"; }), HasSubstr("without a scheme"));
  EXPECT_THAT(fault([](auto& o) { o.calls_max = 0; }), HasSubstr("calls_max"));
  EXPECT_THAT(fault([](auto& o) { o.retry_after_max = Duration::zero(); }),
              HasSubstr("retry_after_max"));
  EXPECT_EQ(fault([](auto&) {}), "no fault");
}

}  // namespace
}  // namespace headrace
