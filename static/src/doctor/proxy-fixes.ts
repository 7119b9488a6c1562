import { said, type Fix } from "./finding.ts";

/** What a reverse proxy in front of Parlour needs to have for sockets and long polls; docs/operations.md has all of it. */
const NGINX = `location /chat/socket/ {
    proxy_pass http://127.0.0.1:4000;
    proxy_http_version 1.1;
    proxy_set_header Host $host;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection "upgrade";
    proxy_buffering off;
    proxy_read_timeout 75s;
    proxy_send_timeout 75s;
    access_log off;
}`;

const CADDY = `reverse_proxy 127.0.0.1:4000 {
    flush_interval -1
    transport http {
        read_timeout 75s
        write_timeout 75s
    }
}`;

const SNIPPETS = [
  { label: "nginx", text: NGINX },
  { label: "Caddy", text: CADDY },
];

/** Lets WebSockets through. */
export const upgradeFix: Fix = { say: said("doctor.proxyUpgradeFix"), snippets: SNIPPETS };

/** Passes answers on at once. */
export const bufferingFix: Fix = { say: said("doctor.proxyBufferingFix"), snippets: SNIPPETS };

/** Lets requests wait. */
export const timeoutFix: Fix = { say: said("doctor.proxyTimeoutFix"), snippets: SNIPPETS };
