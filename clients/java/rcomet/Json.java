package rcomet;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** JSON to maps, lists, strings, longs, doubles, booleans and null; and a string back. */
final class Json {
    private static final int DEPTH_MAX = 32;
    private final String text;
    private int at;

    private Json(String text) {
        this.text = text;
    }

    @SuppressWarnings("unchecked")
    static Map<String, Object> object(String text) throws Rcomet.Failure {
        Json json = new Json(text);
        try {
            Object value = json.value(0);
            json.space();
            if (value instanceof Map && json.at == text.length()) {
                return (Map<String, Object>) value;
            }
        } catch (IndexOutOfBoundsException | NumberFormatException cut) {
            // said below
        }
        throw odd();
    }

    static String text(Map<String, Object> object, String name) throws Rcomet.Failure {
        if (object.get(name) instanceof String) {
            return (String) object.get(name);
        }
        throw odd();
    }

    static long number(Map<String, Object> object, String name) throws Rcomet.Failure {
        if (object.get(name) instanceof Long) {
            return (Long) object.get(name);
        }
        throw odd();
    }

    @SuppressWarnings("unchecked")
    static List<Map<String, Object>> objects(Map<String, Object> object, String name) throws Rcomet.Failure {
        if (!(object.get(name) instanceof List)) {
            throw odd();
        }
        for (Object each : (List<Object>) object.get(name)) {
            if (!(each instanceof Map)) {
                throw odd();
            }
        }
        return (List<Map<String, Object>>) object.get(name);
    }

    private static Rcomet.Failure odd() {
        return new Rcomet.Failure("what answers is not rcomet, or of another version", 0);
    }

    private void space() {
        while (at < text.length() && " \t\r\n".indexOf(text.charAt(at)) >= 0) {
            at++;
        }
    }

    private boolean take(String what) {
        space();
        if (!text.startsWith(what, at)) {
            return false;
        }
        at += what.length();
        return true;
    }

    private void expect(String what) throws Rcomet.Failure {
        if (!take(what)) {
            throw odd();
        }
    }

    private Object value(int depth) throws Rcomet.Failure {
        if (depth > DEPTH_MAX) {
            throw odd();
        }
        if (take("{")) {
            Map<String, Object> object = new LinkedHashMap<>();
            for (boolean more = !take("}"); more; more = take(",")) {
                expect("\"");
                String name = string();
                expect(":");
                object.put(name, value(depth + 1));
                if (take("}")) {
                    return object;
                }
            }
            return end(object.isEmpty(), object);
        }
        if (take("[")) {
            List<Object> list = new ArrayList<>();
            for (boolean more = !take("]"); more; more = take(",")) {
                list.add(value(depth + 1));
                if (take("]")) {
                    return list;
                }
            }
            return end(list.isEmpty(), list);
        }
        if (take("\"")) {
            return string();
        }
        if (take("true")) {
            return Boolean.TRUE;
        }
        if (take("false")) {
            return Boolean.FALSE;
        }
        return take("null") ? null : number();
    }

    private static Object end(boolean closed, Object value) throws Rcomet.Failure {
        if (!closed) {
            throw odd();
        }
        return value;
    }

    private Object number() {
        int from = at;
        while (at < text.length() && "+-.eE0123456789".indexOf(text.charAt(at)) >= 0) {
            at++;
        }
        String digits = text.substring(from, at);
        if (digits.matches("-?\\d{1,18}")) {
            return Long.valueOf(digits);
        }
        return Double.valueOf(digits);
    }

    private String string() throws Rcomet.Failure {
        StringBuilder out = new StringBuilder();
        for (char c; (c = text.charAt(at++)) != '"';) {
            if (c != '\\') {
                out.append(c);
                continue;
            }
            char escape = text.charAt(at++);
            int plain = "\"\\/bfnrt".indexOf(escape);
            if (escape == 'u') {
                out.append((char) Integer.parseInt(text.substring(at, at += 4), 16));
            } else if (plain >= 0) {
                out.append("\"\\/\b\f\n\r\t".charAt(plain));
            } else {
                throw odd();
            }
        }
        return out.toString();
    }

    /** A text as a JSON string. */
    static String quote(String text) {
        StringBuilder out = new StringBuilder("\"");
        for (char c : text.toCharArray()) {
            if (c == '"' || c == '\\') {
                out.append('\\').append(c);
            } else if (c < ' ') {
                out.append(String.format("\\u%04x", (int) c));
            } else {
                out.append(c);
            }
        }
        return out.append('"').toString();
    }
}
