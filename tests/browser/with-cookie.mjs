// Gives each request of the Observatory the cookie of somebody who is logged in: it has no option for that.
// `node --import with-cookie.mjs` loads this file first.
import axios from "axios";

axios.defaults.headers.common.Cookie = process.env.COOKIE;
