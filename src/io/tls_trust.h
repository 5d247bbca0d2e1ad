// io/tls_trust.h: what is behind a TlsTrust.
//
// Threads: as TlsTrust.  Errors: none.  Lifetimes: owned by the TlsTrust.
#pragma once

#include <boost/asio/ssl/context.hpp>

#include "io/connection.h"

namespace headrace::io {

struct TlsTrust::Context {
  boost::asio::ssl::context ssl{boost::asio::ssl::context::tls_client};
};

}  // namespace headrace::io
