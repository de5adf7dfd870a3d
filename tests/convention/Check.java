import java.io.File;
import javax.xml.XMLConstants;
import javax.xml.transform.stream.StreamSource;
import javax.xml.validation.SchemaFactory;
import javax.xml.validation.Validator;
import org.xml.sax.SAXException;

/** Validates documents against a schema with the Xerces of the JDK: the schema, then the documents. */
class Check {
    public static void main(String[] args) throws Exception {
        SchemaFactory factory = SchemaFactory.newInstance(XMLConstants.W3C_XML_SCHEMA_NS_URI);
        Validator validator = factory.newSchema(new File(args[0])).newValidator();
        for (int n = 1; n < args.length; n++) {
            System.out.println(verdict(validator, new File(args[n])));
        }
    }

    private static String verdict(Validator validator, File document) throws Exception {
        try {
            validator.validate(new StreamSource(document));
            return "valid";
        } catch (SAXException fault) {
            return "not valid";
        }
    }
}
